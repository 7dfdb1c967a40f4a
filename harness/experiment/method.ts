import type { z } from 'zod';
import type { Replica } from '../cluster/replicas.ts';
import type { ViewSpec } from '../data/spec.ts';
import type { HostArray } from '../engine/array.ts';
import type { EntryDefinition } from '../engine/program.ts';
import type { Tensor } from '../engine/tf.ts';
import type { Bank } from '../nn/memory.ts';
import type { Module, Params } from '../nn/module.ts';
import type { Stream } from '../random/stream.ts';
import type { Compat, CompatFields } from './compat.ts';
import type { HostWork } from './host.ts';

/** A backbone ready to be built into a method's networks. */
export interface Backbone {
  /** [N, H, W, C] → [N, H', W', channels]. */
  readonly module: Module;
  /** Channels of its last stage. */
  readonly channels: number;
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
  readonly followers: Readonly<Record<string, string>>;
  /** The prefix of the backbone's parameters, e.g. `encoder_q.0.`. */
  readonly backbone: string;
  /**
   * A network that images pass before the backbone, and the channels it takes. Nothing follows it.
   */
  readonly input?: { readonly network: string; readonly channels: number };
  /** What `Host.features` computes. */
  readonly features?: FeatureSpec;
  /** How the model tells the classes of the data, for `evaluation.classify`. */
  readonly classifier?: ClassifierSpec;
  readonly state: Readonly<Record<string, StateSpec>>;
  /** More functions on the state, in the same graph, for work on the host: `Host.run`. */
  readonly entries?: Readonly<Record<string, EntryDefinition>>;
}

/** Networks that images pass one after another, to logits [N, classes]. */
export interface ClassifierSpec {
  readonly networks: readonly string[];
  readonly classes: number;
}

/** Features of the training images, in evaluation mode. */
export interface FeatureSpec {
  /** Networks that images pass one after another. */
  readonly networks: readonly string[];
  /** Images at a time. */
  readonly batch: number;
  /** How an image is brought to `data.size`; by default resized and cut as for evaluation. */
  readonly pipeline?: ViewSpec | undefined;
}

/** What the loss of one replica sees of a step. */
export interface Step {
  /** Images of this replica, normalised, float32 [N, H, W, C]. */
  view(index: number): Tensor;
  /** int32 [N]: the place of each image in the data set. */
  readonly indices: Tensor;
  /** int32 [N]: the true class of each image; only for methods with `labels`. */
  readonly labels: Tensor;
  /** A random choice the host made for all replicas together, by name: int32 [R N]. */
  draw(name: string): Tensor;
  /**
   * A random value made in the graph, from a key that is this step's, this replica's and this name's
   * alone; only for methods with `chance`. A later call of the same name has another key.
   * @param make from the key, int32 [2], as `StatelessRandomUniform` takes it.
   */
  chance(name: string, make: (key: Tensor) => Tensor): Tensor;
  /** A number of this step, by the name that `Method.scalars` gave it: float32 scalar. */
  scalar(name: string): Tensor;
  /** The part of this replica of what was gathered from all, [R N, …] → [N, …]. */
  mine(gathered: Tensor): Tensor;
  /** Applies a network in training mode, with batch statistics of this replica. */
  forward(network: string, x: Tensor, params?: Params): Tensor;
  /**
   * `forward` of a batch in which each image comes `copies` times in a row, computed once: outputs,
   * statistics and gradients are those of that batch. Not for networks with dropout.
   * @returns [copies N, …]
   */
  forwardCopies(network: string, x: Tensor, copies: number): Tensor;
  /** A network's parameters as they were before this step. */
  parameters(network: string): Params;
  /** A state tensor as it was before this step. */
  state(name: string): Tensor;
  /** A state tensor of rows as it was before this step; a few of them cost no copy of the rest. */
  bank(name: string): Bank;
  /** What the experiment asks to be done as the original does it, the method's own options among it. */
  readonly compat: Compat;
  /** Names a value, so that it can be compared with a reference; gives it back unchanged. */
  observe(name: string, value: Tensor): Tensor;
}

/** What a state tensor is after a step: another value, or the same with some rows replaced. */
export type StateChange = Tensor | RowsReplaced | RowsScattered;

export interface RowsReplaced {
  /** int32 [1]: the first row. */
  readonly from: Tensor;
  /** [M, …]: rows `from` to `from + M - 1`. */
  readonly values: Tensor;
}

export interface RowsScattered {
  /** int32 [M]: which rows. */
  readonly at: Tensor;
  /** [M, …]; where two go to the same row, the last one stays. */
  readonly values: Tensor;
}

/** Single rows of a state tensor replaced in place, without a copy of the rest. */
export function replaceAt(at: Tensor, values: Tensor): RowsScattered {
  return { at, values };
}

/** Rows of a state tensor replaced in place, without a copy of the rest. */
export function replaceRows(from: Tensor, values: Tensor): RowsReplaced {
  return { from, values };
}

/** What one replica's step leads to. State and parameters must be the same on all replicas. */
export interface Outcome {
  /** Mean over this replica's batch, float32 scalar. */
  readonly loss: Tensor;
  /** New parameters of followers. */
  readonly followers?: Readonly<Record<string, Params>>;
  /**
   * New parameters of followers, from those of the networks after the optimiser has moved them. Called
   * once, while a step that moves the optimiser is traced.
   */
  readonly afterUpdate?: (
    parameters: (network: string) => Params,
  ) => Readonly<Record<string, Params>>;
  /** New state; what is left out stays. */
  readonly state?: Readonly<Record<string, StateChange>>;
  /** Shares of 0 to 1, e.g. `accuracy`, averaged over replicas; logs and records have them in percent. */
  readonly shares?: Readonly<Record<string, Tensor>>;
  /** Other scalars for the log, averaged over replicas. */
  readonly metrics?: Readonly<Record<string, Tensor>>;
}

/** What a run decides and a method may have to refuse. */
export interface RunShape {
  readonly replicas: number;
  /** Images of one replica in one micro-batch. */
  readonly batch: number;
  readonly dropLast: boolean;
}

/** What the data decide: known once they are open. */
export interface DataShape {
  /** Images of the training source. */
  readonly samples: number;
  /** Classes of its labels; absent where it has none. */
  readonly classes: number | undefined;
}

/** For what does not depend on the data: names, parameters, counts. */
export const NO_DATA: DataShape = { samples: 1, classes: undefined };

/** A micro-step in its run. */
export interface StepPlace {
  /** Micro-steps before it. */
  readonly step: number;
  /** Micro-steps of the whole run. */
  readonly steps: number;
}

/** `HostWork` of a spec. */
type SpecifiedWork<Spec> = {
  readonly [Name in keyof HostWork]: (
    spec: Spec,
    ...rest: Parameters<NonNullable<HostWork[Name]>>
  ) => ReturnType<NonNullable<HostWork[Name]>>;
};

/**
 * A self-supervised method: pure functions over explicit state, one file in `methods/`. The spec is
 * validated by `schema`; the harness knows no method by name.
 */
export interface Method<Spec> extends SpecifiedWork<Spec> {
  readonly kind: string;
  readonly schema: z.ZodType<Spec>;
  /** Views of each image that a step takes. */
  readonly views: number;
  /** Names of the permutations of all R N samples that the host draws for each step. */
  readonly draws: readonly string[];
  /** True where a step needs the true class of each image. */
  readonly labels?: true;
  /** True where the graph makes random values: `Step.chance`, dropout. */
  readonly chance?: true;
  /** Channels that the backbone takes, where `Model.input` makes others of an image than its 3. */
  channels?(spec: Spec): number;
  /** Numbers that the host computes for a micro-step: a schedule of the method's own. */
  scalars?(spec: Spec, at: StepPlace): Readonly<Record<string, number>>;
  /** Its own options of `compat`. */
  readonly compat?: CompatFields;
  /** Refuses impossible combinations before anything runs. @throws UserError by spec path. */
  check(spec: Spec, run: RunShape): void;
  /** The same once the data are open: more clusters or negatives than images. */
  checkData?(spec: Spec, data: DataShape, run: RunShape): void;
  model(spec: Spec, backbone: Backbone, data: DataShape): Model;
  loss(spec: Spec, step: Step): Replica<Outcome>;
}

/** A method with its spec filled in. */
export interface BoundMethod extends HostWork {
  readonly kind: string;
  readonly views: number;
  readonly draws: readonly string[];
  readonly labels: boolean;
  readonly chance: boolean;
  readonly channels: number;
  scalars(at: StepPlace): Readonly<Record<string, number>>;
  check(run: RunShape): void;
  checkData(data: DataShape, run: RunShape): void;
  model(backbone: Backbone, data?: DataShape): Model;
  loss(step: Step): Replica<Outcome>;
}

/** What a registry holds: the method without the type of its spec. */
export interface MethodDefinition {
  readonly kind: string;
  readonly schema: z.ZodType;
  readonly compat: CompatFields | undefined;
  /** @param spec the `method` part of an experiment. */
  bind(spec: Readonly<Record<string, unknown>>): BoundMethod;
}

/** Images are RGB. */
const IMAGE_CHANNELS = 3;

function workOf<Spec>({ beforeEpoch, order, afterStep }: Method<Spec>, spec: Spec): HostWork {
  return {
    ...(beforeEpoch === undefined
      ? {}
      : { beforeEpoch: (host, at) => beforeEpoch(spec, host, at) }),
    ...(order === undefined ? {} : { order: (host, at) => order(spec, host, at) }),
    ...(afterStep === undefined ? {} : { afterStep: (host, at) => afterStep(spec, host, at) }),
  };
}

/** @throws Error where `Model.backbone` is not where the backbone's weights lie. */
function withBackbone(model: Model, { module }: Backbone): Model {
  const inside = Object.entries(model.networks).some(([network, { parameters }]) =>
    [...module.parameters.keys()].every((name) => {
      const full = `${model.backbone}${name}`;
      return full.startsWith(`${network}.`) && parameters.has(full.slice(network.length + 1));
    }),
  );
  if (inside) return model;
  const networks = Object.keys(model.networks).join(', ');
  throw new Error(
    `model: no backbone lies under backbone '${model.backbone}'; networks: ${networks}; the first module of sequential([…]) lies under 'NETWORK.0.'`,
  );
}

/** Makes a method usable by the harness. */
export function defineMethod<Spec>(method: Method<Spec>): MethodDefinition {
  return {
    kind: method.kind,
    schema: method.schema,
    compat: method.compat,
    bind: ({ kind: _, ...fields }) => {
      const spec = method.schema.parse(fields);
      return {
        kind: method.kind,
        views: method.views,
        draws: method.draws,
        labels: method.labels ?? false,
        chance: method.chance ?? false,
        channels: method.channels?.(spec) ?? IMAGE_CHANNELS,
        ...workOf(method, spec),
        scalars: (at) => method.scalars?.(spec, at) ?? {},
        check: (run) => method.check(spec, run),
        checkData: (data, run) => method.checkData?.(spec, data, run),
        model: (backbone, data = NO_DATA) =>
          withBackbone(method.model(spec, backbone, data), backbone),
        loss: (step) => method.loss(spec, step),
      };
    },
  };
}
