import { stepAp } from '../metrics/average_precision.ts';
import { type Column, newColumn } from './column.ts';
import { type Costs, expectBothKinds, firstMaximum, fitCosts } from './costs.ts';
import { stratifiedFolds } from './folds.ts';
import { kernelOf } from './kernel_of.ts';
import type { Computing, ScaledRows } from './products.ts';

export interface OneVsRest extends Costs {
  readonly folds: number;
}

/** Machines of a class. */
export interface ClassFit {
  /** int32 [N]: the fold in whose test each row is. */
  readonly folds: Int32Array;
  /**
   * [costs][folds]: average precision of what the others' machine says of a fold, by scikit-learn's rule.
   * 0 for a fold without positives; NaN where all positives, or all negatives, are in it.
   */
  readonly foldAp: readonly Float64Array[];
  /** [costs]: mean over folds. */
  readonly crossvalAp: Float64Array;
  /** Place of the cost with the best of them, the first of equal ones. */
  readonly chosen: number;
  /** [costs], float64 [N]: of the machine that is fitted to all rows. */
  readonly coefficients: readonly Float64Array[];
  /** [costs]: what that machine's objective came down to. */
  readonly objectives: Float64Array;
}

/**
 * All classes, costs and folds together on one matrix of products, or on the rows themselves where they
 * are many more than wide (docs/reference/benchmarks.md, section 2.3).
 * @param labels of each class: int8 [N], 1 or -1
 */
export async function fitClasses(
  rows: ScaledRows,
  labels: readonly Int8Array[],
  spec: OneVsRest,
  computing: Computing,
): Promise<readonly ClassFit[]> {
  for (const [c, own] of labels.entries()) expectBothKinds(own, `svm: class ${c}`);
  const plans = labels.map((own) => plan(own, spec));
  const columns = plans.flatMap(({ folds, whole }) => [...folds, whole]).filter(isFitted);
  const kernel = await kernelOf(rows, computing);
  try {
    const each = (place: number) => plans.map((own) => take(own, place));
    await fitCosts(kernel, columns, spec, each, computing.signal);
  } finally {
    kernel.dispose();
  }
  return plans.map(({ fit }) => {
    fit.crossvalAp.set(fit.foldAp.map((aps) => aps.reduce((sum, ap) => sum + ap, 0) / aps.length));
    return { ...fit, chosen: firstMaximum(fit.crossvalAp) };
  });
}

interface Plan {
  readonly labels: Int8Array;
  readonly folds: readonly Column[];
  readonly whole: Column;
  readonly fit: Omit<ClassFit, 'chosen' | 'coefficients'> & {
    readonly coefficients: Float64Array[];
  };
}

function plan(labels: Int8Array, { costs, folds: count }: OneVsRest): Plan {
  const folds = stratifiedFolds(labels, count);
  const without = (fold: number) => labels.map((label, i) => (folds[i] === fold ? 0 : label));
  return {
    labels,
    folds: Array.from({ length: count }, (_, fold) => newColumn(0, without(fold))),
    whole: newColumn(0, labels),
    fit: {
      folds,
      foldAp: costs.map(() => new Float64Array(count)),
      crossvalAp: new Float64Array(costs.length),
      coefficients: costs.map(() => new Float64Array()),
      objectives: new Float64Array(costs.length),
    },
  };
}

/** Whether there is anything to tell apart. */
function isFitted({ labels }: Column): boolean {
  return labels.includes(1) && labels.includes(-1);
}

function take({ labels, folds, whole, fit }: Plan, place: number): void {
  for (const [fold, column] of folds.entries()) {
    const tested = Array.from(labels.keys()).filter((i) => fit.folds[i] === fold);
    const scores = tested.map((i) => column.decisions[i] ?? 0);
    const targets = tested.map((i) => labels[i] ?? 0);
    const ap = isFitted(column) ? stepAp(scores, targets) : Number.NaN;
    const aps = fit.foldAp[place];
    if (aps) aps[fold] = ap;
  }
  fit.coefficients[place] = whole.coefficients.slice();
  fit.objectives[place] = whole.state.objective;
}
