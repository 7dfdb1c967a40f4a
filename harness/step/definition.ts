import type { Precision } from '../engine/precision.ts';
import type { TensorSpec } from '../engine/program.ts';
import {
  type BoundMethod,
  type BoundModel,
  type Compat,
  type DataShape,
  type Experiment,
  type Model,
  NO_DATA,
} from '../experiment/index.ts';
import { resnet } from '../nn/resnet.ts';
import type { LossScaleSpec } from '../optim/loss_scale_spec.ts';
import { type ParameterRule, resolveRules } from '../optim/rules.ts';
import type { OptimizerSpec } from '../optim/spec.ts';
import { exclusion } from './exclusion.ts';

export interface StepDefinition {
  readonly method: BoundMethod;
  readonly model: BoundModel;
  readonly replicas: number;
  /** Images of one replica in one micro-batch. */
  readonly batch: number;
  /** Side of the square views, in pixels, and their channels. */
  readonly size: number;
  readonly channels: number;
  /** Of pixels in 0..1, one number a channel. Absent: images come normalised, as float32. */
  readonly normalise?: { readonly mean: readonly number[]; readonly std: readonly number[] };
  /** Micro-batches whose gradients are averaged before the optimiser moves. */
  readonly accumulate: number;
  readonly precision: Precision;
  /** What the loss is multiplied by before it is differentiated; 1 for ever unless given. */
  readonly lossScale?: LossScaleSpec | undefined;
  readonly optimizer: OptimizerSpec;
  /**
   * Random values of the graph that are fed instead of made, by name: a reference's. With several
   * replicas by `rankR.name`.
   */
  readonly replay?: Readonly<Record<string, TensorSpec>>;
  /** Objects of a picture, at most, where steps take pictures with objects in place of views. */
  readonly objects?: { readonly most: number };
  /** The entry `norms` is there: `preciseNorms`. */
  readonly preciseNorms?: boolean;
  /** How the optimiser treats each trainable parameter, by full name. */
  readonly rules: ReadonlyMap<string, ParameterRule>;
  readonly compat: Compat;
}

/** Names of trainable parameters, in the order of the modules. */
export function trainableNames(model: Model): string[] {
  return Object.entries(model.networks).flatMap(([network, { parameters }]) =>
    [...parameters].flatMap(([name, { trainable }]) => (trainable ? [`${network}.${name}`] : [])),
  );
}

/**
 * Everything that an experiment says about its training step. Builds the networks, runs nothing.
 * @param shape what the open data decide; left out where names and parameters are enough.
 */
export function stepDefinition(
  experiment: Experiment,
  method: BoundMethod,
  shape: DataShape = NO_DATA,
): StepDefinition {
  const { backbone, replicas, batch, data, accumulate, precision, optimizer, compat } = experiment;
  const { lossScale } = experiment;
  const model = method.model(resnet(backbone), shape);
  const { size, objects } = data;
  const excluded = exclusion(optimizer, model, compat);
  return {
    method,
    model,
    replicas,
    batch,
    accumulate,
    precision,
    lossScale,
    optimizer,
    compat,
    size,
    channels: model.input?.channels ?? backbone.channels,
    ...(objects === undefined ? {} : { objects: { most: objects.most } }),
    ...(experiment.preciseNorms === undefined ? {} : { preciseNorms: true }),
    normalise: { mean: data.mean, std: data.std },
    rules: resolveRules(optimizer, trainableNames(model), excluded),
  };
}

/** The state that sums the gradient of a parameter over micro-batches. */
export function accumulatorState(parameter: string): string {
  return `gradient.${parameter}`;
}
