import { UserError } from '../../base/errors.ts';
import { stream } from '../../random/stream.ts';

/** Whole samples of a percentage: of ImageNet's 1,281,167, 1 % are 12,811, as SimCLR's list has. */
export function percentOf(count: number, percent: number): number {
  return Math.floor((count * percent) / 100 + 1e-6); // 0.57 % of 10,000 are 57
}

/** How many samples to draw: in all, or of each class. */
export type Wanted = { readonly total: number } | { readonly perClass: number };

/**
 * Draws as many samples of each class. Where a total is no multiple of the classes, those that have one
 * more are drawn, too.
 * @param labels of all samples
 * @param names of the classes, by label
 * @returns their indices, ascending
 * @throws UserError where a class has too few samples, or would have none.
 */
export function drawBalanced(
  labels: Int32Array,
  names: readonly string[],
  wanted: Wanted,
  seed: number,
): Int32Array {
  const members = byClass(labels, names.length);
  const shares = sharesOf(names.length, wanted, seed);
  const picked = members.flatMap((own, label) => {
    const share = shares[label] ?? 0;
    if (share > own.length)
      throw new UserError(
        `class "${names[label]}" has ${own.length} of the ${labels.length} samples, ${share} of each class are asked for; ask for fewer, or put more images there`,
      );
    const order = stream(seed, 'subset', label).permutation(own.length);
    return [...order.subarray(0, share)].map((place) => own[place] ?? 0);
  });
  return Int32Array.from(picked).sort();
}

function byClass(labels: Int32Array, classes: number): readonly number[][] {
  const members = Array.from({ length: classes }, (): number[] => []);
  for (const [index, label] of labels.entries()) members[label]?.push(index);
  return members;
}

/** Samples of each class, by label. */
function sharesOf(classes: number, wanted: Wanted, seed: number): readonly number[] {
  if ('perClass' in wanted) return new Array<number>(classes).fill(wanted.perClass);
  const least = Math.floor(wanted.total / classes);
  if (least === 0)
    throw new UserError(
      `${wanted.total} samples for ${classes} classes, expected at least one of each; ask for more`,
    );
  const more = stream(seed, 'subset', 'one more').permutation(classes);
  const shares = new Array<number>(classes).fill(least);
  for (const label of more.subarray(0, wanted.total % classes)) shares[label] = least + 1;
  return shares;
}
