import { breath } from '../base/breath.ts';
import { type Column, judge } from './column.ts';
import { advance, begin, leave } from './conjugate.ts';
import type { Kernel } from './kernel.ts';
import { goAlong } from './line.ts';

/** Largest gap between an objective and the lowest one, as a share of it. */
export const GAP = 1e-14;
/** A linear system leaves at least this share of its error, which products in float32 still allow. */
const FINEST = 1e-3;
const COARSEST = 0.1;
/** As `GAP`: from here on decisions are exact. */
const NEAR = 1e-6;
const MOST_STEPS = 400;
const MOST_ROUNDS = 200;

/**
 * Brings all columns to the lowest of their objectives, together: Newton's method on the rows within the
 * margin, its linear systems by conjugate gradients whose products are in float32, with everything that
 * decides in float64. Where such products lead a column nowhere, its are in float64 from there on.
 *
 * The minimum is one point, so where the columns begin decides the time only.
 */
export async function minimise(
  kernel: Kernel,
  columns: readonly Column[],
  signal?: AbortSignal,
): Promise<void> {
  let open = columns;
  for (let round = 0; ; round++) {
    await breath(signal);
    for (const column of open) judge(column);
    await decide(kernel, open.filter(isNear));
    open = open.filter(({ state }) => !(state.exact && state.gap <= GAP * state.objective));
    if (open.length === 0) return;
    if (round > MOST_ROUNDS) throw stuck(open);
    await prepare(kernel, open);
    await solveSystems(kernel, open, signal);
    for (const column of open) if (goAlong(column) === 0) column.state.wide = true;
  }
}

/** Near the optimum decisions that were summed up from products in float32 do not tell any more. */
function isNear({ state }: Column): boolean {
  return !state.exact && state.gap <= NEAR * state.objective;
}

/** Decisions from the coefficients, exactly, and what follows from them. */
export async function decide(kernel: Kernel, columns: readonly Column[]): Promise<void> {
  await eachProduct(
    kernel,
    columns,
    Float64Array,
    ({ coefficients }) => coefficients,
    (one) => {
      one.column.decisions.set(one.product.subarray(one.at, one.at + kernel.shape.rows));
      one.column.state.exact = true;
      judge(one.column);
    },
  );
}

async function prepare(kernel: Kernel, columns: readonly Column[]): Promise<void> {
  const leaving = columns.filter(leave);
  const { rows } = kernel.shape;
  const take = ({ column, product, at }: Product) =>
    column.search.moved.set(product.subarray(at, at + rows));
  await eachProduct(kernel, leaving, Float32Array, ({ search }) => search.change, take);
  for (const column of columns) {
    const { gap, objective } = column.state;
    const accuracy = Math.min(COARSEST, Math.max(FINEST, Math.sqrt(gap / objective)));
    begin(column, diagonalOf(kernel, column), accuracy);
  }
}

async function solveSystems(
  kernel: Kernel,
  columns: readonly Column[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const wide of [false, true]) {
    let open = columns.filter(({ state }) => state.wide === wide);
    for (let step = 0; step < MOST_STEPS && open.length > 0; step++) {
      await breath(signal);
      const ended = new Set<Column>();
      const take = ({ column, product, at }: Product) => {
        if (advance(column, diagonalOf(kernel, column), product, at)) ended.add(column);
      };
      const Made = wide ? Float64Array : Float32Array;
      await eachProduct(kernel, open, Made, ({ search }) => search.direction, take);
      open = open.filter((column) => !ended.has(column));
    }
  }
}

function diagonalOf({ diagonal, shape: { rows } }: Kernel, { group }: Column): Float64Array {
  return diagonal.subarray(group * rows, (group + 1) * rows);
}

interface Product {
  readonly column: Column;
  /** [n] from `at` on. */
  readonly product: Float32Array | Float64Array;
  readonly at: number;
}

/** A vector of each column times the matrix of its group, all in one product. */
async function eachProduct(
  kernel: Kernel,
  columns: readonly Column[],
  Made: typeof Float32Array | typeof Float64Array,
  vector: (column: Column) => Float64Array,
  take: (product: Product) => void,
): Promise<void> {
  if (columns.length === 0) return;
  const { groups, rows } = kernel.shape;
  const used = new Int32Array(groups);
  const places = columns.map(({ group }) => {
    used[group] = (used[group] ?? 0) + 1;
    return (used[group] ?? 1) - 1;
  });
  const count = widthFor(Math.max(...used));
  const at = ({ group }: Column, i: number) => (group * count + (places[i] ?? 0)) * rows;
  const vectors = new Made(groups * count * rows);
  for (const [i, column] of columns.entries()) vectors.set(vector(column), at(column, i));
  const product = await kernel.times<Float32Array | Float64Array>(vectors, count);
  for (const [i, column] of columns.entries()) take({ column, product, at: at(column, i) });
}

/** Columns leave one by one: few widths, so that few programs are compiled. */
function widthFor(count: number): number {
  if (count <= 8) return 2 ** Math.ceil(Math.log2(count));
  return Math.ceil(count / 8) * 8;
}

function stuck(columns: readonly Column[]): Error {
  const worst = Math.max(...columns.map(({ state }) => state.gap / state.objective));
  return new Error(`svm: ${columns.length} machines do not converge; the widest gap is ${worst}`);
}
