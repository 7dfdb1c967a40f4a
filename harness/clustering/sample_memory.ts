import { type HostArray, hostArray, type TypedArray } from '../engine/array.ts';
import type { Io } from '../engine/program.ts';
import type { StateEntry } from '../engine/state_entry.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import { inPieces } from './chunks.ts';
import { type Assignment, assigned } from './members.ts';
import type { Membership } from './refill.ts';

/** Samples whose features, and whose best clusters, are asked for at a time. */
const ROWS = 256;
const BEST = 64;

/** Features of a few samples. */
const rows: StateEntry<unknown> = {
  name: 'rows',
  define: () => ({
    inputs: { at: { dtype: 'int32', shape: [ROWS] } },
    build: (io) => ({ rows: io.readRows('feature_bank', input(io, 'at')) }),
  }),
};

interface Choosing {
  /** K. */
  readonly clusters: number;
  readonly assignment: Assignment;
}

/** The best cluster of a few samples, of those that are not closed. */
const best: StateEntry<Choosing> = {
  name: 'best',
  define: ({ clusters, assignment }) => ({
    inputs: {
      at: { dtype: 'int32', shape: [BEST] },
      closed: { dtype: 'int32', shape: [clusters] },
    },
    build: (io) => {
      const features = io.readRows('feature_bank', input(io, 'at'));
      const closed = tf.cast(input(io, 'closed'), 'bool');
      return { labels: assigned(features, io.read('centroids'), assignment, closed) };
    },
  }),
};

function input({ inputs }: Io, name: string): Tensor {
  const value = inputs[name];
  if (value === undefined) throw new Error(`memory: input '${name}' is missing`);
  return value;
}

/** What an open memory asks of the state; a method that opens one has these among its entries. */
export const lookups: readonly StateEntry<Choosing>[] = [rows, best];

/** What is needed of a run to work on its memory. */
export interface MemoryHost {
  read(names: readonly string[]): Promise<HostArray[]>;
  write(values: Iterable<readonly [string, HostArray]>): Promise<void>;
  run(
    entry: StateEntry<never>,
    inputs?: Readonly<Record<string, TypedArray>>,
  ): Promise<Record<string, HostArray>>;
}

/** A memory on the host: what `refillSmall` takes, but for how it halves a cluster. */
export interface OpenMemory extends Omit<Membership, 'halve'> {
  /** Writes the labels, and the centroids of some clusters. */
  save(centroids: ReadonlyMap<number, Float32Array>): Promise<void>;
}

/**
 * The memory of samples that a run has as state: `feature_bank` [M, D], `label_bank` int32 [M] and
 * `centroids` [K, D]. Labels and centroids are read; features and best clusters are asked for.
 */
export async function openMemory(host: MemoryHost): Promise<OpenMemory> {
  const [bank, means] = await host.read(['label_bank', 'centroids']);
  const [clusters = 0, width = 0] = means?.shape ?? [];
  const labels = Int32Array.from(values(bank));
  const centroids = Float32Array.from(values(means));
  return {
    clusters,
    labels,
    rows: async (samples) => {
      const into = new Float32Array(samples.length * width);
      const data = await inPieces(samples, ROWS, into, async (at) =>
        values((await host.run(rows, { at })).rows),
      );
      return { count: samples.length, width, data };
    },
    best: (samples, small) => {
      const closed = Int32Array.from({ length: clusters }, (_, c) => (small.has(c) ? 1 : 0));
      return inPieces(samples, BEST, new Int32Array(samples.length), async (at) =>
        values((await host.run(best, { at, closed })).labels),
      );
    },
    save: (changed) => {
      for (const [cluster, mean] of changed) centroids.set(mean, cluster * width);
      return host.write([
        ['label_bank', hostArray('int32', [labels.length], labels)],
        ['centroids', hostArray('float32', [clusters, width], centroids)],
      ]);
    },
  };
}

function values(array: HostArray | undefined): Int32Array | Float32Array {
  const data = array?.data;
  if (data instanceof Int32Array || data instanceof Float32Array) return data;
  throw new Error('memory: an output is missing');
}
