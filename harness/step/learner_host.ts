import { UserError } from '../base/index.ts';
import { defaultPipeline } from '../data/default_pipeline.ts';
import { ImageError } from '../data/loader/image_error.ts';
import { orderedImages } from '../data/loader/ordered_images.ts';
import type { Source } from '../data/source.ts';
import type { ViewSpec } from '../data/spec.ts';
import type { HostArray, TypedArray } from '../engine/array.ts';
import type { StateEntry } from '../engine/state_entry.ts';
import type { Experiment, FeatureSpec, Features, Host, Purpose } from '../experiment/index.ts';
import { type Stream, stream } from '../random/stream.ts';
import { extractFeatures } from './features.ts';
import type { Learner } from './learner.ts';

export interface HostSetup {
  readonly experiment: Experiment;
  readonly learner: Learner;
  /** The training images, or what stands for them. */
  readonly images: Source | Pick<Source, 'count' | 'describe'>;
  /** Data folder. */
  readonly data: string;
  readonly workers?: number | undefined;
  readonly threads?: number | undefined;
  readonly weights?: string | undefined;
  readonly log?: Host['log'] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Thrown out of a method's work when the run is told to stop, or when an image cannot be read, which is the cause then;
 * the state is as it was before.
 */
export class Stopped extends Error {}

const QUIET: Host['log'] = { info: () => undefined, warn: () => undefined };

/** A run as the method sees it between steps. */
export class LearnerHost implements Host {
  readonly seed: number;
  readonly samples: number;
  readonly threads: number;
  /** Name of the experiment, for messages. */
  readonly experiment: string;
  readonly weights: string | undefined;
  readonly log: Host['log'];
  private readonly setup: HostSetup;
  private touched = false;

  constructor(setup: HostSetup) {
    this.setup = setup;
    this.seed = setup.experiment.seed;
    this.samples = setup.images.count;
    this.experiment = setup.experiment.name;
    this.threads = setup.threads ?? 0;
    this.weights = setup.weights;
    this.log = setup.log ?? QUIET;
  }

  stream(...purpose: Purpose): Stream {
    return stream(this.seed, 'host', ...purpose);
  }

  choose(purpose: Purpose, make: (stream: Stream) => Int32Array): Int32Array {
    return make(this.stream(...purpose));
  }

  read(names: readonly string[]): Promise<HostArray[]> {
    return this.setup.learner.program.readStates(names);
  }

  write(values: Iterable<readonly [string, HostArray]>): Promise<void> {
    this.touched = true;
    return this.setup.learner.program.writeStates(values);
  }

  run(
    { name }: StateEntry<never>,
    inputs: Readonly<Record<string, TypedArray>> = {},
  ): Promise<Record<string, HostArray>> {
    this.touched = true;
    return this.setup.learner.program.run(name, inputs);
  }

  async features(): Promise<Features> {
    const { experiment, learner, signal } = this.setup;
    const { size } = experiment.data;
    const spec = learner.definition.model.features;
    if (spec === undefined) throw new Error('host: the model names no features');
    const images = new Uint8Array(spec.batch * size * size * learner.definition.channels);
    let values = new Float32Array();
    let width = 0;
    const pieces = this.images(spec.batch, this.pipeline(spec));
    for await (const piece of this.untouched(pieces)) {
      if (signal?.aborted && !this.touched) throw new Stopped('stopped');
      images.set(piece.images);
      const rows = await extractFeatures(learner.program, images, piece.count);
      if (width === 0) {
        width = rows.length / piece.count;
        values = new Float32Array(this.samples * width);
      }
      values.set(rows, piece.first * width);
    }
    this.checkFinite(values, width);
    return { values, width };
  }

  /** The pieces; where an image cannot be read and nothing was written yet, the run can be saved as it was. */
  private async *untouched<Piece>(pieces: AsyncIterable<Piece>): AsyncGenerator<Piece> {
    try {
      yield* pieces;
    } catch (cause) {
      if (this.touched || !(cause instanceof ImageError)) throw cause;
      throw new Stopped(cause.message, { cause });
    }
  }

  private pipeline({ pipeline }: FeatureSpec): ViewSpec {
    const { size, pipelines } = this.setup.experiment.data;
    const given = pipeline === 'training' ? pipelines[0] : pipeline;
    return given ?? defaultPipeline(size);
  }

  private images(batch: number, pipeline: ViewSpec) {
    const { experiment, data, workers, images } = this.setup;
    return orderedImages({
      ...('read' in images ? { source: images } : {}),
      spec: experiment.data.train,
      data,
      pipeline,
      size: experiment.data.size,
      batch,
      ...(workers === undefined ? {} : { workers }),
    });
  }

  private checkFinite(values: Float32Array, width: number): void {
    const bad = values.findIndex((x) => !Number.isFinite(x));
    if (bad < 0) return;
    throw new UserError(
      `experiment ${this.experiment}: the features of ` +
        `${this.setup.images.describe(Math.floor(bad / width))} are not finite; the run has ` +
        'diverged: lower optimizer.lr, or look with --debug_nans',
    );
  }
}
