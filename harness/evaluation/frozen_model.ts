import { breath, type Sha256, UserError } from '../base/index.ts';
import { startEngine } from '../engine/index.ts';
import { Program } from '../engine/program.ts';
import type { Backbone, Experiment, Model } from '../experiment/index.ts';
import { averagePixels } from '../nn/layers.ts';
import { featurePass } from '../step/feature_pass.ts';
import {
  defineFeatures,
  extractFeatures,
  type FeatureDefinition,
  type Stage,
} from '../step/features.ts';
import { graphHash } from '../step/graph_hash.ts';
import type { Tensors } from '../step/learner.ts';
import type { ImageSet } from './image_set.ts';
import { statesOf, writeStages } from './stage_states.ts';

/** Networks that images pass one after another, frozen. */
export interface FrozenNetworks {
  readonly stages: readonly Stage[];
  /** Channels that the first of them takes. */
  readonly channels: number;
  /** Features that the last of them gives, D. */
  readonly width: number;
}

/** How images are brought to the networks; what decides the bits of features besides the weights. */
export type FrozenSettings = Pick<FeatureDefinition, 'batch' | 'size' | 'normalise' | 'precision'>;

/** The settings of an experiment's own evaluation. @throws Error where it asks for none. */
export function settingsOf(experiment: Experiment): FrozenSettings {
  const { evaluation, data } = experiment;
  if (evaluation === undefined) throw new Error('evaluation: none asked for');
  const { batch, precision, size = data.size } = evaluation;
  return { batch, precision, size, normalise: { mean: data.mean, std: data.std } };
}

/** The backbone of a model with a mean over pixels behind it, and what comes before it. */
export function frozenBackbone(model: Model, backbone: Backbone, channels: number): FrozenNetworks {
  const before = model.input === undefined ? [] : [stageOf(model, model.input.network)];
  const own = { prefix: model.backbone, module: backbone.module };
  return {
    stages: [...before, own, { prefix: '', module: averagePixels }],
    channels: model.input?.channels ?? channels,
    width: backbone.channels,
  };
}

/**
 * A model's own classifier of the data's classes; undefined where it has none. Images pass `front`, and where that
 * never learns the rows that it gives pass `behind`.
 */
export function frozenClassifier(model: Model, channels: number): FrozenClassifier | undefined {
  const { classifier, input } = model;
  if (classifier === undefined) return undefined;
  const { networks, frozen, heads = 1, classes } = classifier;
  const before = input === undefined ? [] : [input.network];
  const stages = (names: readonly string[]) => names.map((network) => stageOf(model, network));
  const common = { channels: input?.channels ?? channels };
  const width = heads * classes;
  if (frozen === undefined)
    return { front: { ...common, stages: stages([...before, ...networks]), width }, width };
  const front = { stages: stages([...before, ...frozen.networks]), width: frozen.width };
  return { front: { ...common, ...front }, behind: stages(networks), width };
}

/** Networks from images to logits, those that never learn apart. */
export interface FrozenClassifier {
  readonly front: FrozenNetworks;
  readonly behind?: readonly Stage[];
  /** Logits of an image, of all heads. */
  readonly width: number;
}

/**
 * A model that is open only to be judged: weights in, features out. All that judges weights, on the way
 * of a training or apart from any, opens it here, and gives it back by `dispose`.
 * @example
 * const frozen = await openFrozen(frozenBackbone(model, backbone, 3), settingsOf(experiment));
 * await frozen.load(weights);
 * const features = await frozen.features(images); // float32 [N, D]
 */
export async function openFrozen(
  networks: FrozenNetworks,
  settings: FrozenSettings,
  { threads = 0 }: { readonly threads?: number | undefined } = {},
): Promise<FrozenModel> {
  await startEngine();
  return new FrozenModel(networks, settings, threads);
}

export class FrozenModel {
  /** Features of an image, D. */
  readonly width: number;
  private readonly program: Program;
  private readonly settings: FrozenSettings;
  private readonly stages: readonly Stage[];
  private of: Sha256 | undefined;

  constructor(
    { stages, channels, width }: FrozenNetworks,
    settings: FrozenSettings,
    threads: number,
  ) {
    this.width = width;
    this.settings = settings;
    this.program = new Program({ intraThreads: threads });
    this.stages = stages;
    for (const [name, { dtype, shape }] of statesOf(stages))
      this.program.state(name, { dtype, shape });
    defineFeatures(this.program, { stages, channels, ...settings });
  }

  /** SHA-256 of what computes the features. */
  get graph(): Sha256 {
    return graphHash(this.program.graph.serialize());
  }

  /**
   * Puts in the networks' part of a state; running statistics are those of replica 0.
   * @returns SHA-256 over what was put in
   * @throws UserError naming the tensor that is missing or of another shape.
   */
  async load(weights: Tensors): Promise<Sha256> {
    this.of = await writeStages(this.program, this.stages, weights);
    return this.of;
  }

  /** What `load` gave last. @throws Error before. */
  get loaded(): Sha256 {
    if (this.of === undefined) throw new Error('evaluation: no weights');
    return this.of;
  }

  /**
   * float32 [N, D], not normalised.
   * @param signal ends it, which throws its reason then
   * @throws UserError naming the first image whose features are not finite.
   */
  async features(set: ImageSet, signal?: AbortSignal): Promise<Float32Array> {
    const { width } = this;
    const features = new Float32Array(set.count * width);
    for await (const { rows, first } of this.rows(set, signal)) features.set(rows, first * width);
    const bad = features.findIndex((x) => !Number.isFinite(x));
    if (bad >= 0)
      throw new UserError(
        `evaluation: the features of ${set.describe(Math.floor(bad / width))} are not finite; ` +
          'the run has diverged: lower optimizer.lr, or look with --debug_nans',
      );
    return features;
  }

  /** Does this process's share of a pass that rank 0 makes by `features`, and nothing else. */
  async assist(set: ImageSet): Promise<void> {
    for await (const _ of this.rows(set)); // the rows are for rank 0
  }

  dispose(): void {
    this.program.dispose();
  }

  private rows(set: ImageSet, signal?: AbortSignal) {
    const { batch, size } = this.settings;
    return featurePass({
      name: `features of ${set.path}`,
      count: set.count,
      shape: [batch, size, size, 3],
      pieces: set.images(),
      extract: async (images, count) => {
        await breath(signal);
        return extractFeatures(this.program, images, count, signal);
      },
      group: set.group,
      signal,
    });
  }
}

/** A network of a model under its own name. */
function stageOf({ networks }: Model, network: string): Stage {
  const module = networks[network];
  if (module === undefined) throw new Error(`model: no network '${network}'`);
  return { prefix: `${network}.`, module };
}
