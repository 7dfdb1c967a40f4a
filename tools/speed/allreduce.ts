import type { Place } from '../../harness/cluster/place.ts';
import { reduceGradients } from '../../harness/cluster/reduce.ts';
import { connectServers, farewell, nextNumber } from '../../harness/engine/exchange.ts';
import { Graph } from '../../harness/engine/graph/graph.ts';
import { startEngine } from '../../harness/engine/index.ts';
import type { Output, Pointer } from '../../harness/engine/native/capi.ts';
import { shapedOp } from '../../harness/engine/op.ts';
import { startServer } from '../../harness/engine/server.ts';
import { Session } from '../../harness/engine/session.ts';
import { type Tensor, tf, traceInto, unwrap, wrap } from '../../harness/engine/tf.ts';
import { resnet, resnetSpec } from '../../harness/nn/resnet.ts';
import type { AllReduceRun } from '../../reports/allreduce_speed.ts';

export interface AllReduceShape {
  /** Depth of the ResNet whose gradients are added. */
  readonly depth: number;
  /** Values of a bucket, at least. */
  readonly bucket: number;
  readonly rounds: number;
}

const CLASSES = 1000;
const WARMUP = 1;

/** The shapes of all gradients of a ResNet and its classifier, as a step has them. */
export function gradientShapes(depth: number): (readonly number[])[] {
  const { module, channels } = resnet(resnetSpec.parse({ depth }));
  const shapes = [...module.parameters.values()].map(({ shape }) => shape);
  return [...shapes, [channels, CLASSES], [CLASSES]];
}

/**
 * This process's side: every way in turn, round after round, each on gradients that lie in memory.
 * @returns on every process what it measured
 * @throws where a way gives a wrong sum
 */
export async function allReduceSide(
  { rank, servers }: Pick<Place, 'rank' | 'servers'>,
  { depth, bucket, rounds }: AllReduceShape,
): Promise<AllReduceRun[]> {
  await startEngine();
  const server = startServer({ servers, rank });
  const processes = servers.length;
  const graph = new Graph();
  const session = new Session(graph, { server });
  const sources = await gradients(graph, session, { rank, shapes: gradientShapes(depth) });
  const read = () => sources.map((source) => wrap(source));
  const layout = { replicas: processes, processes, rank };
  const ours = () => reduceGradients([read()], layout, bucket);
  const way = (name: string, build: () => Tensor[]) => traced(graph, name, build);
  const whole = way('source', () => [tf.concat(read().map((x) => tf.reshape(x, [-1])))]);
  const kept = await variable(graph, session, whole.fetches[0], whole.shapes[0]);
  const ways = [
    way('ring, one tensor', () => [ring(wrap(kept), processes)]),
    way('ring, buckets', () => ringInBuckets(read(), processes, bucket)),
    way('fixed order, by collectives', ours),
  ];
  await connectServers(server);
  ways.push(way('fixed order', ours));
  const barrier = way('barrier', () => [ring(tf.ones([1]), processes)]);
  const expected = (processes + 1) / 2; // rank r holds r + 1, so this is the mean
  const runs: AllReduceRun[] = [];
  for (let round = -WARMUP; round < rounds; round++)
    for (const { name, targets, fetches } of ways) {
      await session.run({ ...NOTHING, targets: barrier.targets, collective: true });
      const before = process.cpuUsage();
      const begin = performance.now();
      await session.run({ ...NOTHING, targets, collective: true });
      const seconds = (performance.now() - begin) / 1e3;
      const { user, system } = process.cpuUsage(before);
      if (round >= 0) runs.push({ way: name, seconds, cpu: (user + system) / 1e6 });
      if (round !== -WARMUP) continue;
      const [found] = await session.run({
        ...NOTHING,
        fetches: fetches.slice(0, 1),
        targets,
        collective: true,
      });
      const right = name.startsWith('ring') ? expected * processes : expected;
      if (found?.data.some((value) => Number(value) !== right))
        throw new Error(`all-reduce: ${name} gives ${found.data[0]}, expected ${right}`);
    }
  return runs;
}

const NOTHING = { feeds: [], fetches: [], targets: [] };

interface Way {
  readonly name: string;
  readonly targets: readonly Pointer[];
  readonly fetches: readonly Output[];
  readonly shapes: readonly (readonly number[])[];
}

/** Below `Program`, whose audit refuses the ring. */
function traced(graph: Graph, name: string, build: () => Tensor[]): Way {
  return graph.scope(name.replaceAll(/[ ,]+/g, '_'), () =>
    traceInto(graph, undefined, () => {
      const results = build();
      const fetches = results.map(unwrap);
      const targets = [...fetches.map(({ oper }) => oper), ...farewell()];
      return { name, targets, fetches, shapes: results.map(({ shape }) => shape) };
    }),
  );
}

/** Gradients that are there before a round begins: every value of rank r is r + 1. */
async function gradients(
  graph: Graph,
  session: Session,
  { rank, shapes }: { readonly rank: number; readonly shapes: readonly (readonly number[])[] },
): Promise<Output[]> {
  const filled = traced(graph, 'values', () =>
    shapes.map((shape) => tf.mul(tf.ones([...shape]), tf.scalar(rank + 1))),
  );
  const kept: Output[] = [];
  for (const [i, output] of filled.fetches.entries())
    kept.push(await variable(graph, session, output, filled.shapes[i]));
  return kept;
}

async function variable(
  graph: Graph,
  session: Session,
  value: Output | undefined,
  shape: readonly number[] = [],
): Promise<Output> {
  if (value === undefined) throw new Error('all-reduce: no value');
  const attrs = { dtype: { dtype: 'float32' } } as const;
  const shared_name = `kept${graph.nodes.length}`;
  const { oper } = graph.add('VarHandleOp', [], { ...attrs, shape: { shape }, shared_name });
  const handle = { oper, index: 0 };
  const write = graph.add('AssignVariableOp', [handle, value], {});
  await session.run({ ...NOTHING, targets: [write.oper] });
  return { oper: graph.add('ReadVariableOp', [handle], attrs).oper, index: 0 };
}

/** TensorFlow's own all-reduce, as fast as it goes: without the division of a mean. */
export function ring(value: Tensor, processes: number): Tensor {
  const scalars = [processes, 1, nextNumber()].map((number) => tf.scalar(number, 'int32'));
  const attrs = {
    merge_op: 'Add',
    final_op: 'Id',
    communication_hint: 'ring',
    timeout_seconds: 0,
    Nordering_token: 0,
  };
  return shapedOp('CollectiveReduceV2', [value, ...scalars], attrs, value.shape);
}

function ringInBuckets(values: readonly Tensor[], processes: number, bucket: number): Tensor[] {
  const buckets: Tensor[][] = [];
  let count = bucket;
  for (const value of values.toReversed()) {
    if (count + value.size > bucket) {
      buckets.push([]);
      count = 0;
    }
    buckets.at(-1)?.push(value);
    count += value.size;
  }
  const sums = buckets.flatMap((list) => {
    const sum = ring(tf.concat(list.map((value) => tf.reshape(value, [-1]))), processes);
    const pieces = tf.split(
      sum,
      list.map(({ size }) => size),
      0,
    );
    return pieces.map((piece, i) => tf.reshape(piece, [...(list[i]?.shape ?? [])]));
  });
  return sums.toReversed();
}
