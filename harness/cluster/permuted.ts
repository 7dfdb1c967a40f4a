import { connected, nextNumber, receive, send } from '../engine/exchange.ts';
import type { Output } from '../engine/native/capi.ts';
import { op1 } from '../engine/op.ts';
import { activeGraph, dtypeInGraph, type Tensor, tf, unwrap } from '../engine/tf.ts';
import type { Layout } from './layout.ts';
import { shaped } from './transport.ts';

/** Whether rows can be sent to where they are wanted, and nowhere else. */
export function sendsRows({ processes }: Layout): boolean {
  return processes > 1 && connected();
}

/**
 * Rows of all processes in another order: each gets its own alone, from where they are. How many come from a
 * process follows from the order, so that is known when a step runs and not before.
 * @param own [n, …], rows of this process, as many as of any other
 * @param order int32 [P n], a permutation, the same on all: row i of all is row `order[i]`
 * @returns [n, …], this process's rows of the new order
 */
export function permutedRows(own: Tensor, order: Tensor, { processes, rank }: Layout): Tensor {
  const graph = activeGraph();
  const [count = 0] = own.shape;
  const key = `rows ${nextNumber()}`;
  const all = Array.from({ length: processes }, (_, process) => process);
  const wanted = all.map((process) => tf.slice(order, process * count, count));
  const sources = wanted.map((rows) => op1('FloorDiv', [rows, tf.scalar(count, 'int32')]));
  /** Of the entries of a list those that concern a process, in their order. */
  const parted = (list: Tensor, by: Tensor | undefined): Output[] => {
    const inputs = by === undefined ? [list] : [list, by];
    const attrs = { num_partitions: processes };
    const { oper } = graph.add('DynamicPartition', inputs.map(unwrap), attrs);
    return all.map((index) => ({ oper, index }));
  };
  const axis = graph.constant({ dtype: 'int32', shape: [], data: Int32Array.of(0) });
  /** What this process has for another one, in the order in which that wants it. */
  const given = all.map((to) => {
    const places = tf.sub(wanted[to] ?? order, tf.scalar(rank * count, 'int32'));
    const here = parted(places, sources[to])[rank];
    if (here === undefined) throw new Error(`permute: process ${rank} of ${processes}`);
    return { oper: graph.add('GatherV2', [unwrap(own), here, axis], {}).oper, index: 0 };
  });
  given.forEach((rows, to) => {
    if (to !== rank) send(rows, to, key);
  });
  const dtype = dtypeInGraph(own);
  const rows = all.map((from) => (from === rank ? given[rank] : receive(from, key, dtype)));
  const places = parted(tf.range(0, count, 1, 'int32'), sources[rank]);
  const stitched = graph.add('DynamicStitch', [...places, ...rows.map(known)], { N: processes });
  return shaped({ oper: stitched.oper, index: 0 }, own.shape);
}

function known(rows: Output | undefined): Output {
  if (rows === undefined) throw new Error('permute: rows of no process');
  return rows;
}
