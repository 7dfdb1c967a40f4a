import { UserError } from '../base/errors.ts';

/**
 * The test fold of each sample, as scikit-learn's StratifiedKFold without shuffling: samples sorted by
 * class are dealt out in turn, which says how many of each class a fold gets; then each class fills its
 * folds in order of samples.
 * @param labels [N], of two or more classes
 * @returns int32 [N], 0 to folds - 1
 * @throws UserError where no class has as many samples as there are folds, as scikit-learn does
 */
export function stratifiedFolds(labels: ArrayLike<number>, folds: number): Int32Array {
  const classes = firstSeen(labels);
  const sizes = new Map(classes.map((label) => [label, 0]));
  for (let i = 0; i < labels.length; i++)
    sizes.set(labels[i] ?? 0, (sizes.get(labels[i] ?? 0) ?? 0) + 1);
  if (Math.max(...sizes.values()) < folds)
    throw new UserError(
      `folds: ${folds} folds of ${labels.length} samples, of which no class has ${folds}; ` +
        'use fewer folds',
    );
  const quotas = new Map(classes.map((label) => [label, new Int32Array(folds)]));
  let dealt = 0;
  for (const label of classes)
    for (let i = 0; i < (sizes.get(label) ?? 0); i++) {
      const quota = quotas.get(label);
      if (quota) quota[dealt % folds] = (quota[dealt % folds] ?? 0) + 1;
      dealt++;
    }
  return filled(labels, quotas);
}

/** Labels in the order in which they first come, which scikit-learn encodes them by. */
function firstSeen(labels: ArrayLike<number>): number[] {
  return [...new Set(Array.from(labels))];
}

function filled(labels: ArrayLike<number>, quotas: ReadonlyMap<number, Int32Array>): Int32Array {
  return Int32Array.from({ length: labels.length }, (_, i) => {
    const quota = quotas.get(labels[i] ?? 0) ?? new Int32Array();
    const fold = quota.findIndex((left) => left > 0);
    quota[fold] = (quota[fold] ?? 0) - 1;
    return fold;
  });
}
