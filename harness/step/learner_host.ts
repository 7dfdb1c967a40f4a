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
import { featurePass } from './feature_pass.ts';
import { extractFeatures } from './features.ts';
import type { Learner } from './learner.ts';
import { Stopped } from './stopped.ts';
import type { TurnGroup } from './turns.ts';

export interface HostSetup {
  readonly experiment: Experiment;
  readonly learner: Learner;
  /** The training images, or what stands for them. */
  readonly images: Source | Pick<Source, 'count' | 'describe'>;
  /** Data folder. */
  readonly data: string;
  readonly workers?: number | undefined;
  readonly processesHere?: number | undefined;
  readonly threads?: number | undefined;
  readonly weights?: string | undefined;
  readonly log?: Host['log'] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Processes with the same state, which take turns at features. All of them come to every pass. */
  readonly group?: TurnGroup | undefined;
  /** What has the learner's networks, where that is not its own program: brought up to date before each pass. */
  readonly networks?: FeatureNetworks | undefined;
}

/** The networks that a model's features come from, open to be run. */
export interface FeatureNetworks {
  /** Takes over the state as it is now. */
  update(): Promise<void>;
  /** As `extractFeatures`. */
  extract(images: Uint8Array, count: number): Promise<Float32Array>;
}

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
    const { learner, networks } = this.setup;
    const spec = learner.definition.model.features;
    if (spec === undefined) throw new Error('host: the model names no features');
    await networks?.update();
    let values = new Float32Array();
    let width = 0;
    for await (const { rows, first } of this.untouched(this.rows(spec))) {
      if (width === 0) {
        width = rows.length / Math.min(spec.batch, this.samples);
        values = new Float32Array(this.samples * width);
      }
      values.set(rows, first * width);
    }
    this.checkFinite(values, width);
    return { values, width };
  }

  private rows(spec: FeatureSpec) {
    const { experiment, learner, signal, group, networks } = this.setup;
    const { size } = experiment.data;
    return featurePass({
      name: 'features of data.train',
      count: this.samples,
      shape: [spec.batch, size, size, learner.definition.channels],
      pieces: this.images(spec.batch, this.pipeline(spec)),
      extract: async (images, count) => {
        if (signal?.aborted && !this.touched) throw new Stopped('stopped');
        if (networks !== undefined) return networks.extract(images, count);
        return extractFeatures(learner.program, images, count);
      },
      group,
    });
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
    const { experiment, data, workers, processesHere, images, group } = this.setup;
    return orderedImages({
      ...('read' in images ? { source: images } : {}),
      spec: experiment.data.train,
      data,
      pipeline,
      size: experiment.data.size,
      batch,
      workers,
      processesHere,
      group,
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
