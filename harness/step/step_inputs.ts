import { alone, type Layout, ownReplicas } from '../cluster/layout.ts';
import { type Batch, inputName } from '../data/loader/batch.ts';
import type { DType, TypedArray } from '../engine/array.ts';
import type { EntryDefinition, InputSpec, SizeSpec } from '../engine/program.ts';
import type { StepDefinition } from './definition.ts';

/**
 * What a micro-step is fed with, by name: views and rows of the replicas of this process, the rest of all; and its free
 * sizes, if it has any.
 * @param last whether it moves the optimiser
 */
export function stepInputs(
  definition: StepDefinition,
  last: boolean,
  layout: Layout = alone(definition.replicas),
): Pick<EntryDefinition, 'inputs' | 'sizes'> {
  const { method, replicas, batch, size, channels, normalise } = definition;
  const count = replicas * batch;
  const own = count / layout.processes;
  const dtype: DType = normalise === undefined ? 'float32' : 'uint8';
  const inputs: Record<string, InputSpec> = { indices: { dtype: 'int32', shape: [count] } };
  const { cached } = definition.model;
  if (cached !== undefined) inputs.rows = { dtype: 'float32', shape: [own, cached.width] };
  for (let v = 0; v < (cached === undefined ? method.views : 0); v++)
    inputs[`view${v}`] = { dtype, shape: [own, size, size, channels] };
  const sizes: Record<string, SizeSpec> = {};
  for (const replica of ownReplicas(layout)) {
    const fed = objectInputs(definition, replica);
    for (const [name, spec] of Object.entries(fed.inputs)) inputs[inputName(replica, name)] = spec;
    Object.assign(sizes, fed.sizes);
  }
  for (const name of method.draws) inputs[`draw.${name}`] = { dtype: 'int32', shape: [count] };
  if (method.labels) inputs.labels = { dtype: 'int32', shape: [count] };
  if (method.chance) inputs.chance = { dtype: 'int32', shape: [2] };
  for (const name of Object.keys(method.scalars({ step: 0, steps: 1 })))
    inputs[`scalar.${name}`] = { dtype: 'float32', shape: [] };
  for (const [name, spec] of Object.entries(definition.replay ?? {}))
    inputs[`replay.${name}`] = spec;
  if (last) inputs.learning_rate = { dtype: 'float32', shape: [] };
  return Object.keys(sizes).length === 0 ? { inputs } : { inputs, sizes };
}

/** What a method that looks for objects takes for a replica. Its sizes are traced alike in whichever process it is. */
function objectInputs({ method, objects, batch, size }: StepDefinition, replica: number) {
  if (objects === undefined || method.objects === undefined) return { inputs: {}, sizes: {} };
  const shape = { batch, size, ...objects };
  const { inputs, sizes } = method.objects.inputs(shape, inputName(replica, ''));
  const ranges = Object.values(sizes).filter((spec) => typeof spec === 'object').length;
  let place = replica * ranges;
  const placed = Object.entries(sizes).map(([name, spec]): [string, SizeSpec] => [
    name,
    typeof spec === 'object' ? { ...spec, place: place++ } : spec,
  ]);
  return { inputs, sizes: Object.fromEntries(placed) };
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
