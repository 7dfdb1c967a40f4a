import { availableParallelism } from 'node:os';
import { UserError } from '../errors.ts';
import { stream } from '../random/stream.ts';
import type { Batch } from './batch.ts';
import type { FillSetup, SourceModule } from './fill.ts';
import { epochOrder, stepIndices, stepsOf } from './order.ts';
import { LocalPool, type Pool, ThreadPool } from './pool.ts';
import { ahead, Ring } from './prefetch.ts';
import type { Source } from './source.ts';
import type { SourceSpec, ViewSpec } from './spec.ts';

/** What batches are made of. Everything but `data`, `workers` and `prefetch` decides their bits. */
export interface LoaderSetup {
  readonly spec: SourceSpec;
  /** Data folder. */
  readonly data: string;
  readonly seed: number;
  /** One pipeline a view. */
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
  /** Threads, one a core by default; 0 makes batches in the calling thread, when asked for. */
  readonly workers?: number;
  /** Batches made ahead, 3 by default. */
  readonly prefetch?: number;
  /** URL of a module whose `openSource` is used instead of the harness's; for tests. */
  readonly opener?: string;
}

const OPENER = new URL('./open_source.ts', import.meta.url).href;

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
  private readonly ring: Ring;
  private running = false;

  private constructor(setup: LoaderSetup, source: Source, steps: number, pool: Pool) {
    this.setup = setup;
    this.source = source;
    this.stepsPerEpoch = steps;
    this.pool = pool;
    const { prefetch = 3, replicas, batch } = setup;
    this.ring = new Ring(prefetch + 2, replicas * batch, setup);
  }

  /** @throws UserError where the source cannot be opened or has too few images for a batch. */
  static async open(setup: LoaderSetup): Promise<Loader> {
    const source = await opened(setup);
    const steps = stepsOf(setup, source.count);
    return new Loader(setup, source, steps, await openPool(setup, source));
  }

  /**
   * The batches of an epoch, counted from 0, from a step on. The arrays of a batch are shared memory:
   * they stay as they are until the second request after the one that gave them, and must not be
   * written to. One epoch at a time; leaving it early (`break`, `return`) ends it.
   * @throws UserError that names the sample, for one that cannot be read.
   */
  async *epoch(epoch: number, fromStep = 0): AsyncIterableIterator<Batch> {
    if (this.running) throw new Error(`loader: epoch ${epoch} begins while another one runs`);
    this.running = true;
    const order = epochOrder(this.setup, this.source.count, epoch);
    const requests = function* (loader: Loader) {
      for (let step = fromStep; step < loader.stepsPerEpoch; step++)
        yield { step, indices: stepIndices(loader.setup, order, step) };
    };
    const { prefetch = 3 } = this.setup;
    try {
      const made = ahead(this.pool, this.ring, epoch, requests(this), this.local ? 0 : prefetch);
      for await (const { views, request } of made) {
        const { step, indices } = request;
        yield { views, indices, draws: this.draws(epoch, step, indices.length) };
      }
    } finally {
      this.running = false;
    }
  }

  /** Ends the threads. Batches handed out stay readable. */
  dispose(): Promise<void> {
    return this.pool.dispose();
  }

  private get local(): boolean {
    return this.pool instanceof LocalPool;
  }

  private draws(epoch: number, step: number, count: number): Record<string, Int32Array> {
    const { draws, seed } = this.setup;
    const permutation = (name: string) =>
      stream(seed, 'draw', name, epoch, step).permutation(count);
    return Object.fromEntries(draws.map((name) => [name, permutation(name)] as const));
  }
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
  /** Threads, one a core by default; 0 for none. */
  readonly workers?: number;
  /** As in `LoaderSetup`. */
  readonly opener?: string;
}

export interface OrderedImages {
  /** uint8 [count, size, size, 3]; valid until the second request after the one that gave it. */
  readonly images: Uint8Array;
  readonly count: number;
  /** Index of the first image. */
  readonly first: number;
}

const AHEAD = 3; // batches of ordered images
// Below it, starting threads (0.4 s) takes longer than they save: 4096 images of side 32.
const FEW_PIXELS = 1 << 22;

/**
 * All images of a source, in order, for evaluation; the last batch is short. What is random in the
 * pipeline is drawn from seed 0.
 * @throws UserError that names the sample, for one that cannot be read.
 */
export async function* orderedImages(setup: OrderedSetup): AsyncIterableIterator<OrderedImages> {
  const fill = { ...setup, seed: 0, pipelines: [setup.pipeline] };
  const source = await opened(fill);
  const few = setup.workers === undefined && source.count * setup.size ** 2 <= FEW_PIXELS;
  const pool = await openPool(few ? { ...fill, workers: 0 } : fill, source);
  const ring = new Ring(AHEAD + 2, setup.batch, fill);
  const requests = function* () {
    for (let first = 0; first < source.count; first += setup.batch) {
      const length = Math.min(setup.batch, source.count - first);
      yield { first, indices: Int32Array.from({ length }, (_, i) => first + i) };
    }
  };
  try {
    const prefetch = pool instanceof LocalPool ? 0 : AHEAD;
    for await (const { views, request } of ahead(pool, ring, 0, requests(), prefetch)) {
      const [images] = views;
      if (images === undefined) throw new Error('orderedImages: no view');
      yield { images, count: request.indices.length, first: request.first };
    }
  } finally {
    await pool.dispose();
  }
}

type OpenSetup = FillSetup & { readonly workers?: number; readonly opener?: string };

async function opened({ opener = OPENER, spec, data }: OpenSetup): Promise<Source> {
  const { openSource } = (await import(opener)) as SourceModule;
  return openSource(spec, { data });
}

function openPool(setup: OpenSetup, source: Source): Promise<Pool> | Pool {
  const { workers = availableParallelism(), opener = OPENER } = setup;
  const { spec, data, seed, pipelines, size } = setup;
  const fill = { spec, data, seed, pipelines, size };
  if (!Number.isSafeInteger(workers) || workers < 0)
    throw new UserError(`loader: workers: expected a whole number from 0, found ${workers}`);
  return workers === 0
    ? new LocalPool(source, fill)
    : ThreadPool.open(workers, { setup: fill, opener, manifest: source.manifest });
}
