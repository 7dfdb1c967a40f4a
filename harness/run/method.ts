import type { z } from 'zod';
import type { Replica } from '../cluster/replicas.ts';
import type { HostArray } from '../engine/array.ts';
import type { Tensor } from '../engine/tf.ts';
import type { LayerContext, Module, Params } from '../nn/module.ts';
import type { Stream } from '../random/stream.ts';

/** A backbone ready to be built into a method's networks. */
export interface Backbone {
  readonly module: Module;
  /** Channels of its last stage. */
  readonly channels: number;
}

/** State besides parameters: what a step reads and sets. */
export type StateTree = Readonly<Record<string, HostArray>>;

export interface Model {
  /** Networks that learn, by name; `encoder_q` holds the parameters `encoder_q.*`. */
  readonly networks: Readonly<Record<string, Module>>;
  /** Networks that follow others without gradients, with the network they start as a copy of. */
  readonly followers: Readonly<Record<string, string>>;
  /** The prefix of the backbone inside the networks, e.g. `encoder_q.0.`. */
  readonly backbone: string;
  /** Queues, banks, counters at the start. */
  state(stream: (name: string) => Stream): StateTree;
}

/** A step's random choices that are made on the host and fed, so that they can be replayed. */
export interface Draws {
  /** A permutation of all samples of the global batch. */
  readonly permutations?: readonly string[];
}

export interface StepBatch {
  /** V images, [N, H, W, C], normalised, of this replica. */
  readonly views: readonly Tensor[];
  /** int32 [N]: index of each sample in the data set. */
  readonly indices: Tensor;
}

/** What the loss of one replica sees of the run. */
export interface StepContext {
  readonly replica: number;
  readonly replicas: number;
  /** Applies a network in training mode with this replica's batch statistics. */
  forward(network: string, params: Params, x: Tensor): Tensor;
  /** The host's draw of that name: int32 [R N]. */
  draw(name: string): Tensor;
  layer(network: string): LayerContext;
}

export interface MethodState {
  /** Parameters of the followers, by network. */
  readonly followers: Readonly<Record<string, Params>>;
  readonly tensors: Params;
}

export interface Outcome {
  /** Mean over this replica's batch. Scalar. */
  readonly loss: Tensor;
  /** What the state is after this step; entries that are left out stay as they are. */
  readonly followers?: Readonly<Record<string, Params>>;
  readonly state?: Params;
  /** Scalars for the log, averaged over replicas. */
  readonly metrics?: Readonly<Record<string, Tensor>>;
}

/** A self-supervised method: data types in, one pure function out. */
export interface Method<Spec> {
  readonly kind: string;
  readonly schema: z.ZodType<Spec>;
  /** Views of each image that a step takes. */
  readonly views: number;
  readonly draws: Draws;
  /** Refuses impossible combinations before anything runs. @throws UserError by spec path */
  check(spec: Spec, run: { readonly globalBatch: number; readonly dropLast: boolean }): void;
  model(spec: Spec, backbone: Backbone): Model;
  loss(
    spec: Spec,
    params: Readonly<Record<string, Params>>,
    state: MethodState,
    batch: StepBatch,
    context: StepContext,
  ): Replica<Outcome>;
}
