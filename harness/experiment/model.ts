import type { ViewSpec } from '../data/spec.ts';
import type { HostArray } from '../engine/array.ts';
import type { EntryDefinition } from '../engine/program.ts';
import type { Tensor } from '../engine/tf.ts';
import type { LayerContext, Module, Params } from '../nn/module.ts';
import type { ResNetSpec } from '../nn/resnet.ts';
import type { Stream } from '../random/stream.ts';

/** A backbone ready to be built into a method's networks. */
export interface Backbone {
  /** What it was built from, for methods with a network of their own in its place. */
  readonly spec?: ResNetSpec;
  /** [N, H, W, C] → [N, H', W', channels]. */
  readonly module: Module;
  /** Channels of its last stage. */
  readonly channels: number;
  /** Channels of each level: the stem before its pool, then the stages. */
  readonly widths: readonly number[];
  /** All levels in one pass. */
  readonly levels: (params: Params, x: Tensor, context: LayerContext) => readonly Tensor[];
}

/** State besides parameters and running statistics: a queue, a memory bank, a counter. */
export interface StateSpec {
  readonly dtype: 'float32' | 'int32';
  readonly shape: readonly number[];
  /** The value before the first step. */
  readonly initial: (stream: Stream) => HostArray;
  /** How it lies in files, where the original's files have it in another way. */
  readonly file?: 'transposed' | 'int64';
}

/** What a method is made of; everything here is a value. */
export interface Model {
  /** Networks by name; `encoder_q` holds the parameters `encoder_q.*`. */
  readonly networks: Readonly<Record<string, Module>>;
  /** Networks without gradients that start as a copy of another: follower → leader. */
  readonly followers?: Readonly<Record<string, string>>;
  /** The prefix of the backbone's parameters, e.g. `encoder_q.0.`. */
  readonly backbone: string;
  /**
   * Full names of the backbone's tensors by its own (`layer1.0.conv1.weight`), where they are not just `backbone` and these.
   */
  readonly renamed?: ReadonlyMap<string, string>;
  /**
   * What is taken of weights that a run begins with: the backbone alone, so that heads always begin anew; all that the
   * model has too, unless given.
   */
  readonly pretrained?: 'backbone';
  /**
   * A network that images pass before the backbone, and the channels it takes. Nothing follows it.
   */
  readonly input?: { readonly network: string; readonly channels: number };
  /** What `Host.features` computes. */
  readonly features?: FeatureSpec;
  /**
   * Steps take the features of `features`, `width` values an image, in place of views. They are computed once
   * a start, so the networks that make them must not learn.
   */
  readonly cached?: { readonly width: number };
  /** How the model tells the classes of the data, for `evaluation.classify`. */
  readonly classifier?: ClassifierSpec;
  readonly state?: Readonly<Record<string, StateSpec>>;
}

/** A model with nothing left out, and the method's entries by name. */
export interface BoundModel extends Model {
  readonly followers: Readonly<Record<string, string>>;
  readonly state: Readonly<Record<string, StateSpec>>;
  readonly entries: Readonly<Record<string, EntryDefinition>>;
}

/** Networks that images pass one after another, to logits [N, classes]. */
export interface ClassifierSpec {
  readonly networks: readonly string[];
  readonly classes: number;
  /**
   * Classifiers side by side, each judged by itself as `head0_top1`, `head1_top1`, …: logits
   * [N, heads classes], one classifier behind the other. Absent: one, judged as `test_top1`.
   */
  readonly heads?: number;
  /**
   * Networks that come before these and never learn, and the values of an image behind them: a judge
   * computes those once.
   */
  readonly frozen?: { readonly networks: readonly string[]; readonly width: number };
}

/** Features of the training images, in evaluation mode. */
export interface FeatureSpec {
  /** Networks that images pass one after another. */
  readonly networks: readonly string[];
  /** Images at a time. */
  readonly batch: number;
  /**
   * How an image is brought to `data.size`; by default resized and cut as for evaluation. `training`: as
   * `data.pipelines` has it for the first view.
   */
  readonly pipeline?: ViewSpec | 'training' | undefined;
}

/** @throws Error where `Model.backbone` is not where the backbone's weights lie. */
export function checkBackbone(model: Model, { module }: Backbone): void {
  if (model.renamed !== undefined) {
    checkRenamed(model.renamed, model, module);
    return;
  }
  const inside = Object.entries(model.networks).some(([network, { parameters }]) =>
    [...module.parameters.keys()].every((name) => {
      const full = `${model.backbone}${name}`;
      return full.startsWith(`${network}.`) && parameters.has(full.slice(network.length + 1));
    }),
  );
  if (inside) return;
  const networks = Object.keys(model.networks).join(', ');
  throw new Error(
    `model: no backbone lies under backbone '${model.backbone}'; networks: ${networks}; the first module of sequential([…]) lies under 'NETWORK.0.'`,
  );
}

function checkRenamed(
  renamed: NonNullable<Model['renamed']>,
  { networks }: Model,
  { parameters }: Module,
): void {
  const all = new Set(
    Object.entries(networks).flatMap(([network, own]) =>
      [...own.parameters.keys()].map((name) => `${network}.${name}`),
    ),
  );
  const lost = [...parameters.keys()].find((name) => !all.has(renamed.get(name) ?? ''));
  if (lost !== undefined)
    throw new Error(
      `model: ${lost} of the backbone is called ${renamed.get(lost)}, which is not there`,
    );
}
