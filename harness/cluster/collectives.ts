import type { DType } from '../engine/array.ts';
import { onCpu } from '../engine/native/capi.ts';
import { castTo, op1, shapedOp } from '../engine/op.ts';
import { dtypeInGraph, type Tensor, tf } from '../engine/tf.ts';
import { type Layout, ownReplicas } from './layout.ts';
import { branchSum, ownBranches, treeOver, treeSum } from './tree.ts';

/**
 * Sums, gathers and their gradients over the replicas of all processes. Each takes one value of every replica that
 * this process computes, and every process comes to the same calls in the same order. With one process they are
 * plain ops; with several they are TensorFlow's collectives, and give the same bits: sums are made in the fixed tree
 * over replicas, of which a process makes what it can of its own. TensorFlow's own all-reduce is not used for numbers that
 * are rounded: it adds in an order that depends on the count of processes and on the size of the tensor.
 */

/** Values below which a sum is made by everyone of everyone's parts: one exchange instead of two. */
const SMALL = 1 << 14;

let instances = 0;

/** Of every collective its own, alike in all processes: they trace the same ones in the same order. */
function attributes(processes: number): readonly [Tensor[], Record<string, string | number>] {
  const number = (value: number) => tf.scalar(value, 'int32');
  instances++;
  const communication_hint = onCpu() ? 'auto' : 'nccl';
  return [
    [number(processes), number(1), number(instances)],
    { communication_hint, Nordering_token: 0, timeout_seconds: 0 },
  ];
}

/** The type in which values of a type travel: kernels take few, and all values of these fit into theirs. */
function carrierOf(dtype: DType): DType {
  if (dtype === 'bfloat16') return 'float32';
  return dtype === 'bool' || dtype === 'uint8' ? 'int32' : dtype;
}

/** [n, …] of every process → [P n, …] in order of rank. */
function gatherParts(value: Tensor, processes: number): Tensor {
  const dtype = dtypeInGraph(value);
  const [inputs, attrs] = attributes(processes);
  const [count = 0, ...rest] = value.shape;
  const shape = [count * processes, ...rest];
  return castTo(
    shapedOp('CollectiveGatherV2', [castTo(value, carrierOf(dtype)), ...inputs], attrs, shape),
    dtype,
  );
}

/** [P, …]: row p goes to process p, whose rows are those that it was sent. */
function allToAll(value: Tensor, processes: number): Tensor {
  const [inputs, attrs] = attributes(processes);
  return shapedOp('CollectiveAllToAllV2', [value, ...inputs], attrs, value.shape);
}

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

/** The root of the tree from the rows of all processes, `most` of each. */
function rootOf(rows: readonly Tensor[], layout: Layout): Tensor {
  const { all, most } = branchesOf(layout);
  const made = new Map(
    all.flatMap((branches, rank) =>
      branches.map(({ first, end }, b) => [`${first}-${end}`, rows[rank * most + b]] as const),
    ),
  );
  return branchSum(treeOver(layout.replicas), ({ first, end }) => made.get(`${first}-${end}`));
}

/**
 * The sum over all replicas in the fixed tree, the same on all. Not differentiable by itself.
 * @param values of the own replicas, of one shape
 */
export function sumOf(values: readonly Tensor[], layout: Layout): Tensor {
  const { processes } = layout;
  if (processes === 1) return treeSum(values);
  const [like] = values;
  if (like === undefined) throw new Error('collectives: no replica');
  const flat = ownSums(
    values.map((value) => tf.reshape(value, [-1])),
    layout,
  );
  return tf.reshape(reduced(flat, layout), [...like.shape]);
}

/**
 * As `sumOf`, of several values at once, which travel together.
 * @param lists of each value those of the own replicas
 */
export function sumsOf(lists: readonly (readonly Tensor[])[], layout: Layout): Tensor[] {
  if (layout.processes === 1) return lists.map((values) => treeSum(values));
  const parts = lists.map((values) => ownSums(values, layout));
  const [{ length: most } = []] = parts;
  const flat = Array.from({ length: most }, (_, b) =>
    concatenated(parts.map((sums) => tf.reshape(sums[b] ?? lost(b), [-1]))),
  );
  const sizes = lists.map(([value]) => value?.size ?? 0);
  const whole = reduced(flat, layout);
  const pieces = lists.length === 1 ? [whole] : tf.split(whole, sizes, 0);
  return pieces.map((piece, i) => tf.reshape(piece, [...(lists[i]?.[0]?.shape ?? [])]));
}

function lost(branch: number): never {
  throw new Error(`collectives: sum ${branch} is missing`);
}

/** @param sums [M] each, of this process's branches, @returns [M], the root */
function reduced(sums: readonly Tensor[], layout: Layout): Tensor {
  const { processes } = layout;
  const most = sums.length;
  const [
    {
      shape: [count = 0],
    } = { shape: [] },
  ] = sums;
  if (most * count * processes <= SMALL) {
    const all = gatherParts(tf.stack([...sums]), processes);
    return rootOf(tf.unstack(all), layout);
  }
  const each = Math.ceil(count / processes);
  const padding = each * processes - count;
  const cut = sums.map((sum) =>
    tf.reshape(padding === 0 ? sum : tf.pad(sum, [[0, padding]]), [processes, 1, each]),
  );
  const [only] = cut;
  const sent = most === 1 && only !== undefined ? only : tf.concat(cut, 1); // [P, most, each]
  const received = tf.reshape(allToAll(sent, processes), [processes * most, each]);
  const share = rootOf(tf.unstack(received), layout); // [each], this process's slice
  const whole = gatherParts(share, processes);
  return padding === 0 ? whole : tf.slice(whole, [0], [count]);
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
  if (counts === undefined || new Set(counts).size <= 1) return gatherParts(own, processes);
  const each = replicas / processes;
  const totals = Array.from({ length: processes }, (_, rank) =>
    counts.slice(rank * each, (rank + 1) * each).reduce((sum, n) => sum + n, 0),
  );
  const most = Math.max(...totals);
  const pads = [[0, most - count], ...rest.map(() => [0, 0])] as [number, number][];
  const all = gatherParts(tf.pad(own, pads), processes);
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
  const sums = ownSums(values, layout).map((sum) => tf.reshape(sum, [processes, 1, size]));
  const most = sums.length;
  const received = tf.reshape(allToAll(concatenated(sums, 1), processes), [processes * most, size]);
  const mine = tf.reshape(rootOf(tf.unstack(received), layout), [each, ...rest]);
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

/** What process 0 has, on all. */
export function broadcastOf(value: Tensor, layout: Layout): Tensor {
  const { processes, rank } = layout;
  if (processes === 1) return value;
  const [inputs, attrs] = attributes(processes);
  const { communication_hint, timeout_seconds } = attrs;
  const hints = {
    communication_hint: communication_hint ?? 'auto',
    timeout_seconds: timeout_seconds ?? 0,
  };
  const dtype = dtypeInGraph(value);
  const carrier = carrierOf(dtype);
  if (rank === 0) {
    const sent = op1('CollectiveBcastSendV2', [castTo(value, carrier), ...inputs], hints);
    return castTo(sent, dtype);
  }
  const shape = tf.tensor1d([...value.shape], 'int32');
  const typed = { ...hints, T: { dtype: carrier } };
  return castTo(shapedOp('CollectiveBcastRecvV2', [...inputs, shape], typed, value.shape), dtype);
}

function one(values: ReadonlyMap<string, Tensor> | undefined, name: string): Tensor {
  const value = values?.get(name);
  if (value === undefined) throw new Error(`collectives: '${name}' is missing of a replica`);
  return value;
}

function concatenated(values: readonly Tensor[], axis = 0): Tensor {
  const [only] = values;
  return values.length === 1 && only !== undefined ? only : tf.concat([...values], axis);
}
