import { UserError } from '../base/errors.ts';
import { type Column, setPenalty } from './column.ts';
import type { Kernel } from './kernel.ts';
import { rescale } from './line.ts';
import { minimise } from './newton.ts';

/** The costs, and the weights of errors on each kind of row. */
export interface Costs {
  readonly costs: readonly number[];
  readonly weights: { readonly positive: number; readonly negative: number };
}

/**
 * Fits all columns at each cost. Costs go up, and each begins where the one before ended, which takes a
 * fraction of the steps from nothing; the minimum is the same.
 * @param take is told when the columns are fitted at a cost, by its place in `costs`
 */
export async function fitCosts(
  kernel: Kernel,
  columns: readonly Column[],
  { costs, weights }: Costs,
  take: (place: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const places = costs.map((_, place) => place);
  places.sort((a, b) => (costs[a] ?? 0) - (costs[b] ?? 0) || a - b);
  for (const place of places) {
    for (const column of columns) {
      setPenalty(column, { cost: costs[place] ?? 0, ...weights });
      rescale(column);
    }
    await minimise(kernel, columns, signal);
    take(place);
  }
}

/** The place of the largest; of equal ones the first; of a NaN the first, as NumPy's argmax. */
export function firstMaximum(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    if (Number.isNaN(value)) return i;
    if (value > (values[best] ?? 0)) best = i;
  }
  return best;
}

/** @throws UserError where the labels are all of one kind */
export function expectBothKinds(labels: Int8Array, what: string): void {
  for (const [kind, word] of [
    [1, 'present'],
    [-1, 'absent'],
  ] as const)
    if (!labels.includes(kind))
      throw new UserError(`${what} is ${word} in no image that it would be trained on`);
}
