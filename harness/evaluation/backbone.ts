import { UserError } from '../base/errors.ts';
import { sha256Slowly } from '../base/hash.ts';
import type { Sha256 } from '../base/sha256.ts';
import { bytesOf, sizeOf } from '../engine/array.ts';
import { toHWIO } from '../engine/layout.ts';
import { Program } from '../engine/program.ts';
import type { Backbone, Model } from '../experiment/method.ts';
import type { EvaluationSpec, Experiment } from '../experiment/spec.ts';
import { averagePixels } from '../nn/layers.ts';
import { defineFeatures, extractFeatures, type Stage } from '../step/features.ts';
import type { Tensors } from '../step/learner.ts';
import type { ImageSet } from './image_set.ts';

export interface FrozenOptions {
  readonly experiment: Experiment;
  readonly evaluation: EvaluationSpec;
  /** What images pass, one after another. */
  readonly stages: readonly Stage[];
  /** Channels that the first of them takes. */
  readonly channels: number;
  /** Features that the last of them gives, D. */
  readonly width: number;
  readonly threads: number;
}

/** Networks of an experiment, compiled for features alone, with weights put in as they come. */
export class FrozenNetworks {
  private readonly program: Program;
  private readonly options: FrozenOptions;
  private readonly names: readonly string[];

  constructor(options: FrozenOptions) {
    const { experiment, evaluation, stages, channels, threads } = options;
    this.options = options;
    this.program = new Program({ intraThreads: threads });
    const specs = stages
      .flatMap(({ prefix, module: { parameters, buffers } }) =>
        [...parameters, ...buffers].map(([name, spec]) => [prefix + name, spec] as const),
      )
      .filter(([, { dtype }]) => dtype === 'float32');
    this.names = specs.map(([name]) => name);
    for (const [name, { dtype, shape }] of specs) this.program.state(name, { dtype, shape });
    defineFeatures(this.program, {
      stages,
      channels,
      batch: evaluation.batch,
      precision: evaluation.precision,
      size: evaluationSize(experiment),
      normalise: { mean: experiment.data.mean, std: experiment.data.std },
    });
  }

  /**
   * Puts in the networks' part of a state; running statistics are those of replica 0.
   * @returns SHA-256 over what was put in
   * @throws UserError naming the tensor that is missing or of another shape.
   */
  async load(weights: Tensors): Promise<Sha256> {
    const values = this.names.map((name) => {
      const value = weights.get(name);
      if (value === undefined)
        throw new UserError(
          `evaluation: the weights have no ${name}; expected those of a run of this experiment`,
        );
      return [name, value.shape.length === 4 ? toHWIO(value) : value] as const;
    });
    await this.program.writeStates(values);
    return sha256Slowly(values.map(([, { data }]) => bytesOf(data)));
  }

  /**
   * float32 [N, D], not normalised.
   * @throws UserError naming the first image whose features are not finite.
   */
  async features(set: ImageSet): Promise<Float32Array> {
    const { batch } = this.options.evaluation;
    const size = evaluationSize(this.options.experiment);
    const { width } = this.options;
    const features = new Float32Array(set.count * width);
    const images = new Uint8Array(sizeOf([batch, size, size, 3]));
    for await (const piece of set.images()) {
      images.set(piece.images);
      const rows = await extractFeatures(this.program, images, piece.count);
      features.set(rows, piece.first * width);
    }
    const bad = features.findIndex((x) => !Number.isFinite(x));
    if (bad >= 0)
      throw new UserError(
        `evaluation: the features of ${set.describe(Math.floor(bad / width))} are not finite; ` +
          'the run has diverged: lower optimizer.lr, or look with --debug_nans',
      );
    return features;
  }

  dispose(): void {
    this.program.dispose();
  }
}

/** The backbone with a mean over pixels behind it, and what comes before it. */
export function backboneStages(model: Model, backbone: Backbone): readonly Stage[] {
  const before = model.input === undefined ? [] : [stageOf(model, model.input.network)];
  const own = { prefix: model.backbone, module: backbone.module };
  return [...before, own, { prefix: '', module: averagePixels }];
}

/** A network of a model under its own name. */
export function stageOf({ networks }: Model, network: string): Stage {
  const module = networks[network];
  if (module === undefined) throw new Error(`model: no network '${network}'`);
  return { prefix: `${network}.`, module };
}

/** Side of the images of an experiment's evaluation, in pixels. */
export function evaluationSize({ evaluation, data }: Experiment): number {
  return evaluation?.size ?? data.size;
}
