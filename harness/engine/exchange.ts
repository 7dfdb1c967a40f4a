import { type DType, type HostArray, hostArray } from './array.ts';
import { Graph } from './graph/graph.ts';
import type { Output, Pointer } from './native/capi.ts';
import { onCpu } from './native/capi.ts';
import { jobName, type Server } from './server.ts';
import { Session } from './session.ts';
import { activeGraph, moved, moves } from './tf.ts';

/**
 * Tensors from one process straight to another, by the ops that TensorFlow itself puts where it cuts a graph in two.
 * They carry the same bytes as its collectives and need three copies of them where those need eight
 * (reports/measurements.md, "All-reduce").
 */

/** By rank, the number that TensorFlow gave the device of each process when it started. */
let incarnations: readonly bigint[] | undefined;
let own = 0;
let numbers = 0;

/**
 * Lets the processes of a run send each other tensors; all of them call it when their servers are up. Without it,
 * and on GPUs, where NCCL does that, they have collectives alone.
 * @param seconds in which they have to find each other; 0 for no limit
 * @throws EngineError where they do not
 */
export async function connectServers(server: Server, seconds = 0): Promise<void> {
  if (!onCpu()) return;
  const graph = new Graph();
  const session = new Session(graph, { server });
  const mine = session.incarnation();
  const value = hostArray('int64', [1], BigInt64Array.of(mine));
  const all = gathered(graph, graph.constant(value), server.processes, seconds);
  const [found] = await session.run({ feeds: [], fetches: [all], targets: [], collective: true });
  incarnations = [...numbersOf(found)];
  own = server.rank;
  session.dispose();
  graph.dispose();
  if (incarnations[own] !== mine)
    throw new Error(`exchange: process ${own} is not the one of that rank to the others`);
}

function numbersOf(found: HostArray | undefined): BigInt64Array {
  if (found?.data instanceof BigInt64Array) return found.data;
  throw new Error('exchange: the devices are not known');
}

/** Whether `send` and `receive` can be used. */
export function connected(): boolean {
  return incarnations !== undefined;
}

/** For what processes do together: another one at each call, alike in all. */
export function nextNumber(): number {
  numbers++;
  return numbers;
}

/** Numbers given inside `body` are given again: what it traces is thrown away. */
export function withoutNumbers<T>(body: () => T): T {
  const before = numbers;
  try {
    return body();
  } finally {
    numbers = before;
  }
}

/** @param key alike on both sides, and of no other tensor between these processes */
export function send(value: Output, to: number, key: string): void {
  moved(activeGraph().add('Send', [value], route(own, to, key)).oper);
}

/** What process `from` sends with this key, in whatever shape it has. */
export function receive(from: number, key: string, dtype: DType): Output {
  const attrs = { ...route(from, own, key), tensor_type: { dtype } };
  const { oper } = activeGraph().add('Recv', [], attrs);
  moved(oper);
  return { oper, index: 0 };
}

function route(from: number, to: number, key: string) {
  const incarnation = incarnations?.[from];
  if (incarnation === undefined) throw new Error('exchange: connectServers comes first');
  return {
    tensor_name: key,
    send_device: deviceOf(from),
    recv_device: deviceOf(to),
    send_device_incarnation: incarnation,
  };
}

function deviceOf(rank: number): string {
  return `/job:${jobName(rank)}/replica:0/task:0/device:CPU:0`;
}

/**
 * The end of what is being traced, where tensors move in it: no process ends its run before all have what was sent
 * to them, as what a process sent is gone with its run.
 */
export function farewell(): Pointer[] {
  if (moves().length === 0) return [];
  const graph = activeGraph();
  const one = graph.add(
    'Const',
    [],
    { dtype: { dtype: 'int32' }, value: { tensor: hostArray('int32', [1], Int32Array.of(1)) } },
    moves(),
  );
  return [gathered(graph, { oper: one.oper, index: 0 }, incarnations?.length ?? 1).oper];
}

function gathered(graph: Graph, value: Output, processes: number, seconds = 0): Output {
  const { inputs, attrs } = collective(graph, processes, seconds);
  return { oper: graph.add('CollectiveGatherV2', [value, ...inputs], attrs).oper, index: 0 };
}

/**
 * The last inputs of one of TensorFlow's collectives, with a number of its own, alike in all processes, as they trace
 * the same ones in the same order; and its attributes.
 * @param seconds after which it fails; 0 for never
 */
export function collective(graph: Graph, processes: number, seconds = 0) {
  const inputs = [processes, 1, nextNumber()].map((number) =>
    graph.constant(hostArray('int32', [], Int32Array.of(number))),
  );
  const communication_hint = onCpu() ? 'auto' : 'nccl';
  return { inputs, attrs: { communication_hint, Nordering_token: 0, timeout_seconds: seconds } };
}
