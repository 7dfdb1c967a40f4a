import { liberties } from '../engine/liberties.ts';
import { dtypeInGraph, type Tensor, tf } from '../engine/tf.ts';
import { type Layout, ownReplicas } from './layout.ts';
import { partsOf, swapped, wholeOf } from './transport.ts';
import { branchSum, ownBranches, treeOver, treeSum } from './tree.ts';

/**
 * Sums, gathers and their gradients over the replicas of all processes. Each takes one value of every replica that
 * this process computes, and every process comes to the same calls in the same order. With one process they are
 * plain ops; with several they go from process to process (`transport.ts`), and give the same bits: sums are made in the fixed tree
 * over replicas, of which a process makes what it can of its own. TensorFlow's own all-reduce is not used for numbers that
 * are rounded: it adds in an order that depends on the count of processes and on the size of the tensor.
 */

/** Values below which a sum is made by everyone of everyone's parts: one exchange instead of two. */
const SMALL = 1 << 14;

/** Each process's part of the tree: how many sums it makes of its own replicas alone. */
function branchesOf(layout: Layout) {
  const all = Array.from({ length: layout.processes }, (_, rank) =>
    ownBranches({ ...layout, rank }),
  );
  return { all, most: Math.max(...all.map(({ length }) => length)) };
}

/** This process's sums, [M] each, and zeros in place of those that it lacks to the most that a process has. */
function ownSums(values: readonly Tensor[], layout: Layout): Tensor[] {
  const { all, most } = branchesOf(layout);
  const [first = 0] = ownReplicas(layout);
  const sums = (all[layout.rank] ?? []).map((branch) =>
    branchSum(branch, ({ first: replica, of }) =>
      of === undefined ? values[replica - first] : undefined,
    ),
  );
  const [sum] = sums;
  if (sum === undefined) throw new Error('collectives: nothing to add');
  while (sums.length < most) sums.push(tf.zerosLike(sum));
  return sums;
}

/** The root of the tree from the sums of all processes, by rank, as `packed` has them. */
function rootOf(parts: readonly Tensor[], layout: Layout): Tensor {
  const { all, most } = branchesOf(layout);
  const rows = parts.map((part) => (most === 1 ? [part] : tf.unstack(part)));
  const made = new Map(
    all.flatMap((branches, rank) =>
      branches.map(({ first, end }, b) => [`${first}-${end}`, rows[rank]?.[b]] as const),
    ),
  );
  return branchSum(treeOver(layout.replicas), ({ first, end }) => made.get(`${first}-${end}`));
}

/** [M] each → [most, M], but one alone as it is. */
function packed(sums: readonly Tensor[]): Tensor {
  const [only] = sums;
  return sums.length === 1 && only !== undefined ? only : tf.stack([...sums]);
}

/**
 * The sum over all replicas in the fixed tree, the same on all. Not differentiable by itself.
 * @param values of the own replicas, of one shape
 */
export function sumOf(values: readonly Tensor[], layout: Layout): Tensor {
  const [sum] = sumsOf([values], layout);
  if (sum === undefined) throw new Error('collectives: no replica');
  return sum;
}

/**
 * As `sumOf`, of several values at once, which travel together.
 * @param lists of each value those of the own replicas
 * @param factor of all sums, by which they are multiplied when they are known
 */
export function sumsOf(
  lists: readonly (readonly Tensor[])[],
  layout: Layout,
  factor = 1,
): Tensor[] {
  const free = liberties()?.sums;
  if (free !== undefined) return free(lists, layout, factor);
  const scaled = (sum: Tensor) => (factor === 1 ? sum : tf.mul(sum, tf.scalar(factor)));
  if (layout.processes === 1) return lists.map((values) => scaled(treeSum(values)));
  const bundle = bundleOf(lists, layout.processes);
  const [like] = lists[0] ?? [];
  const sums = Array.from({ length: branchesOf(layout).most }, (): Tensor[] => []);
  for (const values of lists)
    ownSums(values, layout).forEach((sum, b) => {
      sums[b]?.push(tf.reshape(sum, [-1]));
    });
  const zeros = (count: number) => tf.zeros([count], like?.dtype);
  const flat = sums.map((of) => concatenated(filled(of, bundle, zeros)));
  const shares = reduced(flat, layout, scaled);
  return lists.map(([value], i) => {
    const shape = value?.shape ?? [];
    return tf.reshape(cut(shares, bundle.starts[i] ?? 0, value?.size ?? 0), [...shape]);
  });
}

/** Values that one piece of memory begins at without a copy: 64 bytes of the narrowest that is added. */
const ALIGNED = 16;

/** How values lie behind one another. */
interface Bundle {
  readonly starts: readonly number[];
  /** Of all, a multiple of the number of processes. */
  readonly count: number;
}

/** Where there are enough of them, each begins, and the part of each process, where it can be cut out without a copy. */
function bundleOf(lists: readonly (readonly Tensor[])[], processes: number): Bundle {
  const sizes = lists.map(([value]) => value?.size ?? 0);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const unit = total * processes > SMALL ? ALIGNED : 1;
  const starts: number[] = [];
  let end = 0;
  for (const size of sizes) {
    starts.push(end);
    end += Math.ceil(size / unit) * unit;
  }
  const whole = unit === 1 ? 1 : unit * processes;
  return { starts, count: Math.ceil(end / whole) * whole };
}

/** Values with zeros between them, as they lie in a bundle. */
function filled(
  values: readonly Tensor[],
  { starts, count }: Bundle,
  zeros: (count: number) => Tensor,
): Tensor[] {
  return values.flatMap((value, i) => {
    const gap = (starts[i + 1] ?? count) - (starts[i] ?? 0) - value.size;
    return gap === 0 ? [value] : [value, zeros(gap)];
  });
}

/**
 * @param sums [M] each, of this process's branches
 * @returns the root in pieces, of one size
 */
function reduced(
  sums: readonly Tensor[],
  layout: Layout,
  scaled: (sum: Tensor) => Tensor,
): Tensor[] {
  const { processes } = layout;
  const [sum] = sums;
  const count = sum?.size ?? 0;
  if (sums.length * count * processes <= SMALL || count % (ALIGNED * processes) !== 0)
    return [scaled(rootOf(partsOf(packed(sums), layout), layout))];
  const each = count / processes;
  const sent = Array.from({ length: processes }, (_, to) =>
    packed(sums.map((of) => tf.slice(of, [to * each], [each]))),
  );
  return partsOf(scaled(rootOf(swapped(sent, layout), layout)), layout);
}

/** [count] from `start` of what lies in pieces of one size. */
function cut(pieces: readonly Tensor[], start: number, count: number): Tensor {
  const each = pieces[0]?.size ?? 0;
  return concatenated(
    pieces.flatMap((piece, i) => {
      const from = Math.max(start - i * each, 0);
      const to = Math.min(start + count - i * each, each);
      if (from >= to) return [];
      return to - from === each ? [piece] : [tf.slice(piece, [from], [to - from])];
    }),
  );
}

/**
 * The rows of all replicas, in their order, the same on all: [n, …] each → [R n, …]. Not differentiable by itself.
 * @param counts rows of every replica, where they are not alike
 */
export function gatherOf(
  values: readonly Tensor[],
  layout: Layout,
  counts?: readonly number[],
): Tensor {
  const { processes, replicas } = layout;
  const own = concatenated(values);
  if (processes === 1) return own;
  const [count = 0, ...rest] = own.shape;
  if (counts === undefined || new Set(counts).size <= 1) return wholeOf(own, layout);
  const each = replicas / processes;
  const totals = Array.from({ length: processes }, (_, rank) =>
    counts.slice(rank * each, (rank + 1) * each).reduce((sum, n) => sum + n, 0),
  );
  const most = Math.max(...totals);
  const pads = [[0, most - count], ...rest.map(() => [0, 0])] as [number, number][];
  const all = wholeOf(tf.pad(own, pads), layout);
  return concatenated(
    totals.map((total, rank) =>
      tf.slice(all, [rank * most, ...rest.map(() => 0)], [total, ...rest]),
    ),
  );
}

/**
 * What `gatherOf` gives back: every replica hands in something of [R n, …], and each gets its own rows of the sum over
 * all replicas in the fixed tree.
 * @returns of each own replica [n, …]
 */
export function scatteredSums(
  values: readonly Tensor[],
  layout: Layout,
  counts: readonly number[],
): Tensor[] {
  const { processes, replicas } = layout;
  const own = ownReplicas(layout).map((replica) => counts[replica] ?? 0);
  const [like] = values;
  if (like === undefined) throw new Error('collectives: no replica');
  const rest = like.shape.slice(1);
  if (processes === 1) return tf.split(treeSum(values), [...own], 0);
  if (new Set(counts).size > 1) {
    const whole = sumOf(values, layout);
    let from = 0;
    const starts = counts.map((n) => {
      from += n;
      return from - n;
    });
    return ownReplicas(layout).map((replica) =>
      tf.slice(
        whole,
        [starts[replica] ?? 0, ...rest.map(() => 0)],
        [counts[replica] ?? 0, ...rest],
      ),
    );
  }
  const each = (like.shape[0] ?? 0) / processes;
  const size = rest.reduce((product, n) => product * n, each);
  const sums = ownSums(values, layout).map((sum) => tf.reshape(sum, [-1]));
  const sent = Array.from({ length: processes }, (_, to) =>
    packed(sums.map((sum) => tf.slice(sum, [to * size], [size]))),
  );
  const mine = tf.reshape(rootOf(swapped(sent, layout), layout), [each, ...rest]);
  return replicas === processes ? [mine] : tf.split(mine, [...own], 0);
}

/** Many small values of each own replica, by name → the same of every replica. Types and shapes stay. */
export function everyonesOf(
  values: readonly ReadonlyMap<string, Tensor>[],
  layout: Layout,
): ReadonlyMap<string, Tensor>[] {
  const names = [...(values[0]?.keys() ?? [])];
  const all = Array.from({ length: layout.replicas }, () => new Map<string, Tensor>());
  const types = new Map<string, string[]>();
  for (const name of names) {
    const dtype = dtypeInGraph(one(values[0], name));
    types.set(dtype, [...(types.get(dtype) ?? []), name]);
  }
  for (const list of types.values()) {
    const rows = values.map((of) =>
      concatenated(list.map((name) => tf.reshape(one(of, name), [-1]))),
    );
    const gathered = gatherOf(
      rows.map((row) => tf.reshape(row, [1, -1])),
      layout,
    );
    const sizes = list.map((name) => one(values[0], name).size);
    tf.unstack(gathered).forEach((row, replica) => {
      tf.split(row, sizes, 0).forEach((piece, i) => {
        const name = list[i] ?? '';
        all[replica]?.set(name, tf.reshape(piece, [...one(values[0], name).shape]));
      });
    });
  }
  return all;
}

function one(values: ReadonlyMap<string, Tensor> | undefined, name: string): Tensor {
  const value = values?.get(name);
  if (value === undefined) throw new Error(`collectives: '${name}' is missing of a replica`);
  return value;
}

export function concatenated(values: readonly Tensor[], axis = 0): Tensor {
  const [only] = values;
  return values.length === 1 && only !== undefined ? only : tf.concat([...values], axis);
}
