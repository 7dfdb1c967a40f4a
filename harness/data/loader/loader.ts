import { availableParallelism } from 'node:os';
import { UserError } from '../../base/errors.ts';
import { type Stream, stream } from '../../random/stream.ts';
import type { OpenOptions, Source } from '../source.ts';
import { plainSourcesOf, type SourceSpec, type ViewSpec } from '../spec.ts';
import { viewCount } from '../view_count.ts';
import type { Batch } from './batch.ts';
import type { FillSetup, SourceModule } from './fill.ts';
import { epochOrder, stepIndices, stepsOf } from './order.ts';
import { LocalPool, type Pool } from './pool.ts';
import { ahead, Ring } from './prefetch.ts';
import { ThreadPool } from './thread_pool.ts';

/** What batches are made of. Everything but `data`, `workers` and `prefetch` decides their bits. */
export interface LoaderSetup {
  readonly spec: SourceSpec;
  /** Data folder. */
  readonly data: string;
  readonly seed: number;
  /** Decides the order of samples in place of `seed`. */
  readonly orderSeed?: number;
  /** What makes the views, one after another. */
  readonly pipelines: readonly ViewSpec[];
  /** Side of the views, in pixels. */
  readonly size: number;
  readonly replicas: number;
  /** Samples of one replica in one step. */
  readonly batch: number;
  readonly dropLast: boolean;
  /** Draws each epoch's samples with replacement. */
  readonly replacement: boolean;
  /** Names of the permutations that the method wants, `Method.draws`. */
  readonly draws: readonly string[];
  /** Batches say the true class of each image. */
  readonly labels?: boolean;
  /** Batches hold a key for random values of the graph. */
  readonly chance?: boolean;
  /**
   * Threads. 0 makes batches in the calling thread, while it waits for a step: the default for small
   * images from memory, which take less time than threads to start. Else by default one, and others,
   * up to one a core, once batches come late.
   */
  readonly workers?: number;
  /** Batches made ahead: 3 by default, 1 without threads. */
  readonly prefetch?: number;
  /** Told how many of the source's files are hashed. */
  readonly onProgress?: OpenOptions['onProgress'];
  /** Ends the opening, which throws its reason then. */
  readonly signal?: AbortSignal | undefined;
  /** URL of a module whose `openSource` is used instead of the harness's; for tests. */
  readonly opener?: string;
}

const OPENER = new URL('../open_source.ts', import.meta.url).href;

/**
 * The batches of training. Threads make them ahead while a step runs, in a ring of shared memory of
 * `prefetch + 2` batches. Every sample is drawn from streams of its own, so a batch has the same bits
 * whatever the workers, the prefetch, or the step that an epoch begins with.
 * @example
 * const loader = await Loader.open(setup);
 * for await (const batch of loader.epoch(0)) await runStep(program, batch, rate);
 * await loader.dispose();
 */
export class Loader {
  readonly source: Source;
  readonly stepsPerEpoch: number;
  private readonly setup: LoaderSetup;
  private readonly pool: Pool;
  private readonly prefetch: number;
  private readonly ring: Ring;
  private running = false;

  private constructor(setup: LoaderSetup, source: Source, steps: number, pool: Pool) {
    this.setup = setup;
    this.source = source;
    this.stepsPerEpoch = steps;
    this.pool = pool;
    this.prefetch = setup.prefetch ?? pool.prefetch;
    this.ring = new Ring(this.prefetch + 2, setup.replicas * setup.batch, setup);
  }

  /** @throws UserError where the source cannot be opened or has too few images for a batch. */
  static async open(setup: LoaderSetup): Promise<Loader> {
    const source = await opened(setup);
    const steps = stepsOf(setup, source.count);
    const pool = await openPool(setup, source, setup.replicas * setup.batch);
    return new Loader(setup, source, steps, pool);
  }

  /**
   * The batches of an epoch, counted from 0, from a step on. The arrays of a batch are shared memory:
   * they stay as they are until the second request after the one that gave them, and must not be
   * written to. One epoch at a time; leaving it early (`break`, `return`) ends it.
   * @param samples the samples of the epoch, as many as the source has, instead of a permutation
   * @throws ImageError that names the sample, for one that cannot be read.
   */
  async *epoch(epoch: number, fromStep = 0, samples?: Int32Array): AsyncIterableIterator<Batch> {
    if (this.running) throw new Error(`loader: epoch ${epoch} begins while another one runs`);
    const requests = this.requests(epoch, fromStep, samples);
    this.running = true;
    try {
      const made = ahead(this.pool, this.ring, epoch, requests, this.prefetch);
      for await (const { views, request } of made) {
        const { step, indices } = request;
        yield { views, indices, ...this.extras(epoch, step, indices) };
      }
    } finally {
      this.running = false;
    }
  }

  /** The batches of an epoch without their views: no image is read. */
  *bare(epoch: number, fromStep = 0, samples?: Int32Array): Iterable<Batch> {
    for (const { step, indices } of this.requests(epoch, fromStep, samples))
      yield { views: [], indices, ...this.extras(epoch, step, indices) };
  }

  /** Which samples each step takes. */
  private requests(epoch: number, fromStep: number, samples: Int32Array | undefined) {
    const { seed, orderSeed = seed } = this.setup;
    const setup = { ...this.setup, seed: orderSeed };
    const order = epochOrder(setup, this.source.count, epoch, samples);
    const each = function* (loader: Loader) {
      for (let step = fromStep; step < loader.stepsPerEpoch; step++)
        yield { step, indices: stepIndices(loader.setup, order, step) };
    };
    return each(this);
  }

  /** Ends the threads. Batches handed out stay readable. */
  dispose(): Promise<void> {
    return this.pool.dispose();
  }

  /** What goes with the views of a step. */
  private extras(epoch: number, step: number, indices: Int32Array) {
    const { draws, seed, labels, chance } = this.setup;
    const permutation = (name: string) =>
      stream(seed, 'draw', name, epoch, step).permutation(indices.length);
    return {
      draws: Object.fromEntries(draws.map((name) => [name, permutation(name)] as const)),
      ...(labels ? { labels: labelsOf(this.source, indices) } : {}),
      ...(chance ? { chance: keyOf(stream(seed, 'chance', epoch, step)) } : {}),
    };
  }
}

function labelsOf(source: Source, indices: Int32Array): Int32Array {
  return indices.map((index) => {
    const label = source.labels?.[index];
    if (label === undefined)
      throw new UserError(`data.train: ${source.describe(index)} has no label`);
    return label;
  });
}

/** int32 [2], any bits. */
function keyOf(draws: Stream): Int32Array {
  return Int32Array.of(draws.int(-(2 ** 31), 2 ** 31 - 1), draws.int(-(2 ** 31), 2 ** 31 - 1));
}

/** Images in order, as evaluation takes them. */
export interface OrderedSetup {
  readonly spec: SourceSpec;
  /** Data folder. */
  readonly data: string;
  readonly pipeline: ViewSpec;
  /** Side of the images, in pixels. */
  readonly size: number;
  readonly batch: number;
  /** As in `LoaderSetup`. */
  readonly workers?: number;
  /** As in `LoaderSetup`. */
  readonly opener?: string;
  /** As in `LoaderSetup`. */
  readonly signal?: AbortSignal | undefined;
  /** The source where it is open already: nothing is looked for or hashed again. */
  readonly source?: Source | undefined;
}

export interface OrderedImages {
  /** uint8 [count, size, size, 3]; valid until the second request after the one that gave it. */
  readonly images: Uint8Array;
  readonly count: number;
  /** Index of the first image. */
  readonly first: number;
}

// Below it, starting threads (0.4 s) takes longer than they save: 4096 images of side 32.
const FEW_PIXELS = 1 << 22;

/**
 * All images of a source, in order, for evaluation; the last batch is short. What is random in the
 * pipeline is drawn from seed 0.
 * @throws ImageError that names the sample, for one that cannot be read.
 */
export async function* orderedImages(setup: OrderedSetup): AsyncIterableIterator<OrderedImages> {
  const fill = { ...setup, seed: 0, pipelines: [setup.pipeline] };
  const source = setup.source ?? (await opened(fill));
  const few = setup.workers === undefined && source.count * setup.size ** 2 <= FEW_PIXELS;
  const pool = await openPool(few ? { ...fill, workers: 0 } : fill, source, setup.batch);
  const ring = new Ring(pool.prefetch + 2, setup.batch, fill);
  const requests = function* () {
    for (let first = 0; first < source.count; first += setup.batch) {
      const length = Math.min(setup.batch, source.count - first);
      yield { first, indices: Int32Array.from({ length }, (_, i) => first + i) };
    }
  };
  try {
    for await (const { views, request } of ahead(pool, ring, 0, requests(), pool.prefetch)) {
      const [images] = views;
      if (images === undefined) throw new Error('orderedImages: no view');
      yield { images, count: request.indices.length, first: request.first };
    }
  } finally {
    await pool.dispose();
  }
}

type OpenSetup = FillSetup & Pick<LoaderSetup, 'workers' | 'opener' | 'onProgress' | 'signal'>;

async function opened(setup: OpenSetup): Promise<Source> {
  const { opener = OPENER, spec, data, onProgress, signal } = setup;
  const { openSource } = (await import(opener)) as SourceModule;
  return openSource(spec, { data, signal, ...(onProgress === undefined ? {} : { onProgress }) });
}

const LIGHT = 2 ** 19; // pixels of a batch that take some milliseconds

/** The most threads where no number is asked for. No bit of a batch depends on it. */
function defaultWorkers({ spec, pipelines, size }: FillSetup, samples: number): number {
  const small = plainSourcesOf(spec).every((source) =>
    source.kind === 'generated' ? source.size <= 64 : source.kind.startsWith('cifar'),
  );
  const light = samples * viewCount(pipelines) * size * size <= LIGHT;
  return small && light ? 0 : availableParallelism();
}

function openPool(setup: OpenSetup, source: Source, samples: number): Promise<Pool> | Pool {
  const { spec, data, seed, pipelines, size, opener = OPENER } = setup;
  const { workers = defaultWorkers(setup, samples) } = setup;
  const fill = { spec, data, seed, pipelines, size };
  if (!Number.isSafeInteger(workers) || workers < 0)
    throw new UserError(`loader: workers: expected a whole number from 0, found ${workers}`);
  if (workers === 0) return new LocalPool(source, fill);
  const count = { first: setup.workers ?? 1, most: workers };
  const { manifest } = source;
  return ThreadPool.open(count, { setup: fill, opener, manifest, shared: source.share?.() });
}
