import { type HostArray, hostArray, type TypedArray } from '../engine/array.ts';
import type { EntryDefinition, Io } from '../engine/program.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import { inPieces } from './chunks.ts';
import {
  type Assignment,
  assigned,
  balancingWeights,
  clusterEntropy,
  clusterMeans,
  clusterSizes,
} from './members.ts';
import { type Refilled, refillSmall } from './refill.ts';
import type { FeatureRows, Halves } from './two_means.ts';

/**
 * A memory of samples, as state: `feature_bank` [M, D], `label_bank` int32 [M], `centroids` [K, D] and
 * `loss_weight` [K].
 */
export interface MemoryShape {
  /** K. */
  readonly clusters: number;
  /** Classes weigh (1 / samples)^power in the loss. */
  readonly weightPower: number;
  readonly assignment: Assignment;
}

/** Samples whose features, and whose best clusters, are asked for at a time. */
const ROWS = 256;
const BEST = 64;
/** Keeps the weight of an empty cluster finite. */
const FLOOR = 1e-5;

/**
 * Functions on the memory: `recentre` makes centroids from members; `census` makes loss weights from
 * the sizes of clusters and says how they spread; `rows` and `best` answer for a few samples.
 */
export function memoryEntries({
  clusters,
  weightPower,
  assignment,
}: MemoryShape): Readonly<Record<string, EntryDefinition>> {
  return {
    recentre: {
      inputs: {},
      build: (io) => {
        const [features, labels] = [io.read('feature_bank'), io.read('label_bank')];
        io.assign('centroids', clusterMeans(features, labels, io.read('centroids')));
        return {};
      },
    },
    census: {
      inputs: {},
      build: (io) => {
        const sizes = clusterSizes(io.read('label_bank'), clusters);
        io.assign('loss_weight', balancingWeights(sizes, weightPower, FLOOR));
        return spread(sizes);
      },
    },
    rows: {
      inputs: { at: { dtype: 'int32', shape: [ROWS] } },
      build: (io) => ({ rows: io.readRows('feature_bank', input(io, 'at')) }),
    },
    best: {
      inputs: {
        at: { dtype: 'int32', shape: [BEST] },
        closed: { dtype: 'int32', shape: [clusters] },
      },
      build: (io) => {
        const rows = io.readRows('feature_bank', input(io, 'at'));
        const closed = tf.cast(input(io, 'closed'), 'bool');
        return { labels: assigned(rows, io.read('centroids'), assignment, closed) };
      },
    },
  };
}

function spread(sizes: Tensor): Readonly<Record<string, Tensor>> {
  return {
    clusters_empty: tf.sum(tf.cast(tf.equal(sizes, tf.scalar(0, 'int32')), 'int32')),
    clusters_smallest: tf.min(sizes),
    clusters_largest: tf.max(sizes),
    clusters_entropy: clusterEntropy(sizes),
  };
}

function input({ inputs }: Io, name: string): Tensor {
  const value = inputs[name];
  if (value === undefined) throw new Error(`memory: input '${name}' is missing`);
  return value;
}

/** What is needed of a run to work on its memory. */
export interface MemoryHost {
  read(names: readonly string[]): Promise<HostArray[]>;
  write(values: Iterable<readonly [string, HostArray]>): Promise<void>;
  run(
    entry: string,
    inputs?: Readonly<Record<string, TypedArray>>,
  ): Promise<Record<string, HostArray>>;
}

export interface RefillOptions {
  readonly minimum: number;
  /** Two halves of a cluster's features. @param n splits before in this call */
  readonly split: (features: FeatureRows, samples: Int32Array, n: number) => Halves;
}

/** `refillSmall` on the memory of a run: writes labels and centroids; the weights are left to `census`. */
export async function refillMemory(
  host: MemoryHost,
  { minimum, split }: RefillOptions,
): Promise<Refilled> {
  const [bank, means] = await host.read(['label_bank', 'centroids']);
  const [clusters = 0, width = 0] = means?.shape ?? [];
  const labels = Int32Array.from(values(bank));
  const centroids = Float32Array.from(values(means));
  const rowsOf = async (samples: Int32Array) => {
    const into = new Float32Array(samples.length * width);
    const data = await inPieces(samples, ROWS, into, async (at) =>
      values((await host.run('rows', { at })).rows),
    );
    return { count: samples.length, width, data };
  };
  const best = (samples: Int32Array, small: ReadonlySet<number>) => {
    const closed = Int32Array.from({ length: clusters }, (_, c) => (small.has(c) ? 1 : 0));
    return inPieces(samples, BEST, new Int32Array(samples.length), async (at) =>
      values((await host.run('best', { at, closed })).labels),
    );
  };
  const membership = { clusters, labels, rows: rowsOf, best, halve: split };
  const refilled = await refillSmall(membership, minimum);
  for (const [cluster, mean] of refilled.centroids) centroids.set(mean, cluster * width);
  await host.write([
    ['label_bank', hostArray('int32', [labels.length], labels)],
    ['centroids', hostArray('float32', [clusters, width], centroids)],
  ]);
  return refilled;
}

function values(array: HostArray | undefined): Int32Array | Float32Array {
  const data = array?.data;
  if (data instanceof Int32Array || data instanceof Float32Array) return data;
  throw new Error('memory: an output is missing');
}
