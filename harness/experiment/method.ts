import type { z } from 'zod';
import type { Part } from '../cluster/replicas.ts';
import type { ViewSpec } from '../data/spec.ts';
import type { StateEntry } from '../engine/state_entry.ts';
import type { Tensor } from '../engine/tf.ts';
import type { Bank } from '../nn/bank.ts';
import type { Params } from '../nn/module.ts';
import type { Compat, CompatFields } from './compat.ts';
import type { HostWork } from './host.ts';
import { type Backbone, type BoundModel, checkBackbone, type Model } from './model.ts';
import type { BoundObjects, ObjectMethod } from './objects.ts';

/** What the loss of one replica sees of a step. */
export interface Step {
  /** Images of this replica, normalised, float32 [N, H, W, C]. */
  view(index: number): Tensor;
  /** Features that were computed once, float32 [N, width]; only for models with `cached`. */
  readonly rows: Tensor;
  /** int32 [N]: the place of each image in the data set. */
  readonly indices: Tensor;
  /** int32 [N]: the true class of each image; only for methods with `labels`. */
  readonly labels: Tensor;
  /** What `ObjectMethod.inputs` names, of this replica; only for methods with `objects`. */
  input(name: string): Tensor;
  /** What its free sizes begin with, and the longest side of a picture; only for methods with `objects`. */
  readonly pictures: { readonly prefix: string; readonly size: number };
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
  /** The part of this replica of what was gathered from all, k rows an image: [k R N, …] → [k N, …]. */
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
  /** What else a reference tells of a step; outputs where they are asked for, as in tests. */
  readonly observed?: Readonly<Record<string, Tensor>>;
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

/** A run with its data, for what is legal and yet of no use. What nobody knows is infinite. */
export interface WholeRun extends RunShape, DataShape {
  /** Samples that are not another one repeated. */
  readonly images: number;
  /** Samples that each replica takes in an epoch, with those that are left out at its end. */
  readonly perReplica: number;
  readonly accumulate: number;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  /** Micro-steps of all epochs. */
  readonly steps: number;
  readonly pipelines: readonly ViewSpec[];
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
  readonly draws?: readonly string[];
  /** Where it looks for objects in pictures: inputs of its own in place of views. */
  readonly objects?: ObjectMethod<Spec>;
  /** True where a step needs the true class of each image. */
  readonly labels?: true;
  /** True where the graph makes random values: `Step.chance`, dropout. */
  readonly chance?: true;
  /** True where the backbone is not to learn, so that an experiment must freeze all of it. */
  readonly frozenBackbone?: true;
  /** True where steps take features that are computed once: `Model.cached`. */
  cached?(spec: Spec): boolean;
  /** Channels that the backbone takes, where `Model.input` makes others of an image than its 3. */
  channels?(spec: Spec): number;
  /** Numbers that the host computes for a micro-step: a schedule of the method's own. */
  scalars?(spec: Spec, at: StepPlace): Readonly<Record<string, number>>;
  /** Its own options of `compat`. */
  readonly compat?: CompatFields;
  /** Refuses impossible combinations before anything runs. @throws UserError by spec path. */
  check?(spec: Spec, run: RunShape): void;
  /** The same once the data are open: more clusters or negatives than images. */
  checkData?(spec: Spec, data: DataShape, run: RunShape): void;
  /**
   * Settings that are legal and yet defeat the method, one sentence each: the path, what is there, what is usual.
   */
  warnings?(spec: Spec, run: WholeRun): readonly string[];
  /** More functions on the state, in the graph of the step, for work on the host: `Host.run`. */
  readonly entries?: readonly StateEntry<Spec>[];
  model(spec: Spec, backbone: Backbone, data: DataShape): Model;
  /** A generator where replicas meet: `yield*` of `gather` and its like in cluster/replicas.ts. */
  loss(spec: Spec, step: Step): Part<Outcome>;
}

/** A method with its spec filled in. */
export interface BoundMethod extends HostWork {
  readonly kind: string;
  readonly views: number;
  readonly draws: readonly string[];
  readonly labels: boolean;
  readonly chance: boolean;
  readonly channels: number;
  readonly cached: boolean;
  readonly frozenBackbone: boolean;
  readonly objects?: BoundObjects | undefined;
  scalars(at: StepPlace): Readonly<Record<string, number>>;
  check(run: RunShape): void;
  checkData(data: DataShape, run: RunShape): void;
  warnings(run: WholeRun): readonly string[];
  model(backbone: Backbone, data?: DataShape): BoundModel;
  loss(step: Step): Part<Outcome>;
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

function boundObjects<Spec>(
  { inputs, feed, finder }: ObjectMethod<Spec>,
  spec: Spec,
): BoundObjects {
  return {
    inputs: (shape, prefix) => inputs(spec, shape, prefix),
    feed: (setup, pictures) => feed(spec, setup, pictures),
    finder: (backbone, shape) => finder(spec, backbone, shape),
  };
}

function boundModel<Spec>(
  { model, entries = [] }: Method<Spec>,
  spec: Spec,
  backbone: Backbone,
  data: DataShape,
): BoundModel {
  const named = entries.map(({ name, define }) => [name, define(spec)] as const);
  const made = model(spec, backbone, data);
  checkBackbone(made, backbone);
  return { followers: {}, state: {}, ...made, entries: Object.fromEntries(named) };
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
        draws: method.draws ?? [],
        labels: method.labels ?? false,
        chance: method.chance ?? false,
        cached: method.cached?.(spec) ?? false,
        frozenBackbone: method.frozenBackbone ?? false,
        channels: method.channels?.(spec) ?? IMAGE_CHANNELS,
        objects: method.objects && boundObjects(method.objects, spec),
        ...workOf(method, spec),
        scalars: (at) => method.scalars?.(spec, at) ?? {},
        check: (run) => method.check?.(spec, run),
        checkData: (data, run) => method.checkData?.(spec, data, run),
        warnings: (run) => method.warnings?.(spec, run) ?? [],
        model: (backbone, data = NO_DATA) => boundModel(method, spec, backbone, data),
        loss: (step) => method.loss(spec, step),
      };
    },
  };
}
