import { type Column, newColumn, setPenalty } from './column.ts';
import type { Costs } from './costs.ts';
import { Kernel } from './kernel.ts';
import { minimise } from './newton.ts';
import type { Computing } from './products.ts';

/** Some rows of a set, and what is fitted to them. */
export interface Subset {
  /** int32 [n]: which rows. */
  readonly rows: Int32Array;
  /** What each machine is fitted to: int8 [n], 1, -1, or 0 for rows that are left out. */
  readonly labels: readonly Int8Array[];
}

/** A machine of a subset. */
export interface SubsetFit {
  /** Which of the subset's labels. */
  readonly variant: number;
  /** Place of the cost. */
  readonly cost: number;
  /** float64 [n] */
  readonly coefficients: Float64Array;
  /** float64 [n], left out rows included. */
  readonly decisions: Float64Array;
}

/** Numbers of all matrices that are held at a time, 8 and 4 bytes each. */
const NUMBERS = 2 ** 24;

/**
 * Fits each subset at each cost: many small problems, in batches whose matrices are of one size.
 * @param products float64 [N, N] of all rows
 * @param take is told of the machines of a subset, by its place
 */
export async function fitSubsets(
  products: Float64Array,
  subsets: readonly Subset[],
  spec: Costs,
  { threads, signal }: Computing,
  take: (subset: number, fits: readonly SubsetFit[]) => Promise<void>,
): Promise<void> {
  for (const batch of batches(subsets)) {
    const own = batch.map((i) => subsets[i] ?? { rows: new Int32Array(), labels: [] });
    const size = Math.max(...own.map(({ rows }) => rows.length));
    const matrices = new Float64Array(batch.length * size ** 2);
    for (const [group, { rows }] of own.entries())
      copyProducts(products, rows, matrices.subarray(group * size ** 2), size);
    const fits = own.map((subset, group) => columnsOf(subset, group, size, spec));
    const kernel = await Kernel.ofProducts(matrices, {
      groups: batch.length,
      rows: size,
      threads,
    });
    try {
      const columns = fits.flatMap((some) => some.map(({ column }) => column));
      await minimise(kernel, columns, signal);
    } finally {
      kernel.dispose();
    }
    for (const [group, some] of fits.entries()) {
      const length = own[group]?.rows.length ?? 0;
      const found = some.map(({ column, ...fit }) => ({
        ...fit,
        coefficients: column.coefficients.subarray(0, length),
        decisions: column.decisions.subarray(0, length),
      }));
      await take(batch[group] ?? 0, found);
    }
  }
}

/** A column for each of a subset's labels and each cost; rows behind its own are left out. */
function columnsOf({ labels }: Subset, group: number, size: number, { costs, weights }: Costs) {
  return labels.flatMap((own, variant) =>
    costs.map((cost, place) => {
      const padded = new Int8Array(size);
      padded.set(own);
      const column: Column = newColumn(group, padded);
      setPenalty(column, { cost, ...weights });
      return { variant, cost: place, column };
    }),
  );
}

/** Subsets of nearly one size together, so that little is filled up. */
function batches(subsets: readonly Subset[]): number[][] {
  const size = (i: number) => subsets[i]?.rows.length ?? 0;
  const order = subsets.map((_, i) => i).sort((a, b) => size(b) - size(a) || a - b);
  const found: number[][] = [];
  let [largest, room] = [0, 0];
  for (const i of order) {
    const last = found.at(-1);
    if (last && room > 0 && size(i) >= 0.9 * largest) last.push(i);
    else {
      found.push([i]);
      largest = size(i);
      room = Math.max(1, Math.floor(NUMBERS / Math.max(1, largest ** 2)));
    }
    room--;
  }
  return found;
}

function copyProducts(
  products: Float64Array,
  rows: Int32Array,
  into: Float64Array,
  stride: number,
): void {
  const count = Math.sqrt(products.length);
  for (const [i, from] of rows.entries())
    for (const [j, to] of rows.entries()) into[i * stride + j] = products[from * count + to] ?? 0;
}
