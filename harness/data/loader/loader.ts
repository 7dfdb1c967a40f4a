import { UserError } from '../../base/errors.ts';
import { type Stream, stream } from '../../random/stream.ts';
import type { Source } from '../source.ts';
import type { SourceSpec, ViewSpec } from '../spec.ts';
import type { Batch } from './batch.ts';
import { type OpenPoolOptions, openedSource, openPool } from './open_pool.ts';
import { stepsOf } from './order.ts';
import type { Pool } from './pool.ts';
import { ahead, type Made, Ring } from './prefetch.ts';
import { type ReplicaBlock, type StepPlace, type StepRequest, Steps } from './steps.ts';

/** What batches are made of. `data`, `own`, `prefetch` and how the pool is opened decide no bit. */
export interface LoaderSetup extends OpenPoolOptions {
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
  /** The replicas whose views this process makes, all by default. Others' images are not read. */
  readonly own?: ReplicaBlock | undefined;
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
  /** Batches made ahead: 3 by default, 1 without threads. */
  readonly prefetch?: number;
}

/** Batches that are made one after another, those of more than one epoch where `Loader.epoch` was told so. */
interface Run {
  readonly steps: Steps;
  readonly made: AsyncGenerator<Made<StepRequest>>;
  /** What it gives next. */
  next: StepPlace;
}

/**
 * The batches of training. Threads make them ahead while a step runs, in a ring of shared memory of
 * `prefetch + 2` batches. Every sample is drawn from streams of its own, so a batch has the same bits
 * whatever the workers, the prefetch, the replicas of this process, or the step that an epoch begins with.
 * @example
 * const loader = await Loader.open(setup);
 * for await (const batch of loader.epoch(0)) await runStep(program, batch, rate);
 * await loader.dispose();
 */
export class Loader {
  readonly source: Source;
  readonly stepsPerEpoch: number;
  private readonly setup: LoaderSetup;
  private readonly own: ReplicaBlock;
  private readonly pool: Pool;
  private readonly prefetch: number;
  private readonly ring: Ring;
  private running = false;
  private run: Run | undefined;

  private constructor(setup: LoaderSetup, source: Source, steps: number, pool: Pool) {
    this.setup = setup;
    this.source = source;
    this.stepsPerEpoch = steps;
    this.pool = pool;
    this.own = ownOf(setup);
    this.prefetch = setup.prefetch ?? pool.prefetch;
    this.ring = new Ring(this.prefetch + 2, this.own.count * setup.batch, setup);
  }

  /** @throws UserError where the source cannot be opened or has too few images for a batch. */
  static async open(setup: LoaderSetup): Promise<Loader> {
    const { count } = ownOf(setup);
    const source = await openedSource(setup);
    const steps = stepsOf(setup, source.count);
    const pool = await openPool(setup, source, count * setup.batch);
    return new Loader(setup, source, steps, pool);
  }

  /**
   * The batches of an epoch, counted from 0, from a step on. The arrays of a batch are shared memory:
   * they stay as they are until the second request after the one that gave them, and must not be
   * written to. One epoch at a time; leaving it early (`break`, `return`) ends it.
   * @param samples the samples of the epoch, as many as the source has, instead of a permutation
   * @param until the epochs before it will be asked for next, without samples of their own: their first
   *   batches are made ahead as well. A damaged image among them fails the epoch that it belongs to.
   * @throws ImageError that names the sample, for one that cannot be read.
   */
  async *epoch(
    epoch: number,
    fromStep = 0,
    samples?: Int32Array,
    until = epoch + 1,
  ): AsyncIterableIterator<Batch> {
    if (this.running) throw new Error(`loader: epoch ${epoch} begins while another one runs`);
    this.running = true;
    let next = fromStep;
    try {
      const run = await this.runFrom({ epoch, step: fromStep }, until, samples);
      for (; next < this.stepsPerEpoch; next++) {
        const { value, done } = await run.made.next();
        if (done) throw new Error(`loader: no batch for step ${next} of epoch ${epoch}`);
        const { views, request } = value;
        // Before it is handed over: who leaves then has had the whole epoch.
        if (next + 1 === this.stepsPerEpoch) run.next = { epoch: epoch + 1, step: 0 };
        yield { views, ...this.beside(request) };
      }
    } finally {
      const goesOn = this.run?.next.epoch === epoch + 1 && until > epoch + 1;
      if (!goesOn) await this.leave();
      this.running = false;
    }
  }

  /** The batches of an epoch without their views: no image is read. */
  *bare(epoch: number, fromStep = 0, samples?: Int32Array): Iterable<Batch> {
    const steps = this.steps({ epoch, step: fromStep }, epoch + 1, samples);
    for (let one = steps.next(); !one.done; one = steps.next())
      yield { views: [], ...this.beside(one.value) };
  }

  /** Ends the threads. Batches handed out stay readable. */
  async dispose(): Promise<void> {
    if (!this.running) await this.leave();
    await this.pool.dispose();
  }

  /** The batches from a place on: those that are being made, where that is where they are. */
  private async runFrom(place: StepPlace, until: number, samples?: Int32Array): Promise<Run> {
    const { run, pool, ring, prefetch } = this;
    if (run !== undefined) {
      const { epoch, step } = run.next;
      run.steps.until = until;
      if (epoch === place.epoch && step === place.step && samples === undefined) return run;
      await this.leave();
    }
    const steps = this.steps(place, until, samples);
    const begun = { steps, made: ahead(pool, ring, steps, prefetch), next: place };
    this.run = begun;
    return begun;
  }

  /** Gives up what is being made. */
  private async leave(): Promise<void> {
    const { run } = this;
    this.run = undefined;
    await run?.made.return(undefined);
  }

  /** Which samples each step takes. */
  private steps(place: StepPlace, until: number, samples: Int32Array | undefined): Steps {
    const { setup, own, stepsPerEpoch } = this;
    const { seed, orderSeed = seed } = setup;
    const { count } = this.source;
    return new Steps(
      { ...setup, seed: orderSeed, own, count, stepsPerEpoch },
      place,
      until,
      samples,
    );
  }

  /** What goes with the views of a step, and which samples these are. */
  private beside({ epoch, step, indices, order }: StepRequest): Omit<Batch, 'views'> {
    const own = this.own.count === this.setup.replicas ? {} : { own: order.indices };
    return { indices, ...own, ...this.extras(epoch, step, indices) };
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

/** @throws Error where they are not some of the replicas. */
function ownOf({ replicas, own = { first: 0, count: replicas } }: LoaderSetup): ReplicaBlock {
  const { first, count } = own;
  if (count < 1 || first < 0 || first + count > replicas)
    throw new Error(
      `loader: replicas ${first} to ${first + count - 1} of ${replicas} are no block`,
    );
  return own;
}
