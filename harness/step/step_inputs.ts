import { alone, type Layout, ownReplicas } from '../cluster/layout.ts';
import { type Batch, inputName } from '../data/loader/batch.ts';
import type { DType, TypedArray } from '../engine/array.ts';
import type { TensorSpec } from '../engine/program.ts';
import type { StepDefinition } from './definition.ts';

/**
 * What a micro-step is fed with, by name: views and rows of the replicas of this process, the rest of all.
 * @param last whether it moves the optimiser
 */
export function stepInputs(
  definition: StepDefinition,
  last: boolean,
  layout: Layout = alone(definition.replicas),
): Record<string, TensorSpec> {
  const { method, replicas, batch, size, channels, normalise } = definition;
  const count = replicas * batch;
  const own = count / layout.processes;
  const dtype: DType = normalise === undefined ? 'float32' : 'uint8';
  const inputs: Record<string, TensorSpec> = { indices: { dtype: 'int32', shape: [count] } };
  const { cached } = definition.model;
  if (cached !== undefined) inputs.rows = { dtype: 'float32', shape: [own, cached.width] };
  for (let v = 0; v < (cached === undefined ? method.views : 0); v++)
    inputs[`view${v}`] = { dtype, shape: [own, size, size, channels] };
  const { objects } = definition;
  const fed = objects && method.objects?.inputs({ batch, size, ...objects });
  for (const replica of ownReplicas(layout))
    for (const [name, spec] of Object.entries(fed ?? {})) inputs[inputName(replica, name)] = spec;
  for (const name of method.draws) inputs[`draw.${name}`] = { dtype: 'int32', shape: [count] };
  if (method.labels) inputs.labels = { dtype: 'int32', shape: [count] };
  if (method.chance) inputs.chance = { dtype: 'int32', shape: [2] };
  for (const name of Object.keys(method.scalars({ step: 0, steps: 1 })))
    inputs[`scalar.${name}`] = { dtype: 'float32', shape: [] };
  for (const [name, spec] of Object.entries(definition.replay ?? {}))
    inputs[`replay.${name}`] = spec;
  if (last) inputs.learning_rate = { dtype: 'float32', shape: [] };
  return inputs;
}

/** The host's numbers of one micro-step. */
export interface StepNumbers {
  /** Only for a step that moves the optimiser. */
  readonly rate: number | undefined;
  /** The method's own. */
  readonly scalars?: Readonly<Record<string, number>>;
}

/** What one micro-step feeds, by the name of the input. */
export function stepFeeds(
  { views, rows, indices, draws, labels, chance, inputs: own = {} }: Batch,
  { rate, scalars = {} }: StepNumbers,
): Record<string, TypedArray> {
  const inputs: Record<string, TypedArray> = { ...own, indices };
  views.forEach((view, v) => {
    inputs[`view${v}`] = view;
  });
  if (rows !== undefined) inputs.rows = rows;
  for (const [name, values] of Object.entries(draws)) inputs[`draw.${name}`] = values;
  if (labels !== undefined) inputs.labels = labels;
  if (chance !== undefined) inputs.chance = chance;
  for (const [name, value] of Object.entries(scalars))
    inputs[`scalar.${name}`] = Float32Array.of(value);
  if (rate !== undefined) inputs.learning_rate = Float32Array.of(rate);
  return inputs;
}
