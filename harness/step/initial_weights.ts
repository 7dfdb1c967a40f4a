import { type Sha256, UserError } from '../base/index.ts';
import type { HostArray } from '../engine/array.ts';
import type { Model } from '../experiment/index.ts';
import type { ParameterSpec } from '../nn/module.ts';
import { stream } from '../random/stream.ts';
import { openWeights } from '../weights/published.ts';
import type { StepDefinition } from './definition.ts';
import type { Learner, Tensors } from './learner.ts';
import { bufferState } from './towers.ts';

const SHOWN = 12; // names that a message lists

/** Names of a model's weights in files, each with what it is: parameters and statistics. */
function weightsOf({ networks }: Model): Map<string, ParameterSpec> {
  return new Map(
    Object.entries(networks).flatMap(([network, { parameters, buffers }]) =>
      [...parameters, ...buffers].map(([name, spec]) => [`${network}.${name}`, spec] as const),
    ),
  );
}

/** What `--pretrained` found in a file. */
export interface Pretrained {
  /** Values by the names of the run's own weights. */
  readonly values: Tensors;
  /** Names in the file that have no use here. */
  readonly unused: readonly string[];
  /** Of the file. */
  readonly sha256: Sha256;
}

/**
 * Reads weights for a model: under full names (`encoder_q.0.conv1.weight`), or the backbone's alone
 * (`conv1.weight`, as torchvision has them, or with one prefix before all).
 * @throws UserError listing what is missing unless the whole backbone is there, or where a shape is
 *   another one.
 */
export async function readPretrained(file: string, model: Model): Promise<Pretrained> {
  const { tensors, sha256 } = await openWeights(file);
  const weights = weightsOf(model);
  const prefix = prefixIn(tensors, model.backbone, weights);
  const named = new Map(
    [...tensors].map(([name, value]) => [
      prefix === undefined ? name : backboneName(name, prefix, model.backbone),
      { name, value },
    ]),
  );
  const missing = [...weights].filter(
    ([name, { dtype }]) => name.startsWith(model.backbone) && dtype !== 'int64' && !named.has(name),
  );
  if (missing.length > 0) throw new UserError(lacking(file, model, missing, tensors));
  const values = new Map<string, HostArray>();
  for (const [name, { value }] of named) {
    const spec = weights.get(name);
    if (spec !== undefined) values.set(name, fitting(file, name, value, spec));
  }
  const unused = [...named].filter(([name]) => !weights.has(name)).map(([, { name }]) => name);
  return { values, unused, sha256 };
}

/** Undefined where the file has full names; else what stands before the backbone's own names. */
function prefixIn(
  tensors: Tensors,
  backbone: string,
  weights: ReadonlyMap<string, ParameterSpec>,
): string | undefined {
  const names = [...tensors.keys()];
  if (names.some((name) => name.startsWith(backbone) && weights.has(name))) return undefined;
  const last = 'conv1.weight';
  const stems = names.filter((name) => name === last || name.endsWith(`.${last}`));
  const shortest = stems.sort((a, b) => a.length - b.length)[0];
  return shortest?.slice(0, -last.length) ?? '';
}

function backboneName(name: string, prefix: string, backbone: string): string {
  return name.startsWith(prefix) ? backbone + name.slice(prefix.length) : name;
}

function lacking(
  file: string,
  model: Model,
  missing: readonly (readonly [string, ParameterSpec])[],
  tensors: Tensors,
): string {
  const list = (names: readonly string[]) =>
    names.slice(0, SHOWN).join(', ') +
    (names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '');
  return (
    `--pretrained ${file}: ${missing.length} tensors of the backbone are missing: ` +
    `${list(missing.map(([name]) => name.slice(model.backbone.length)))}; ` +
    `the file has ${list([...tensors.keys()])}. Is it of the same depth and stem?`
  );
}

/** Files hold convolutions as [O, I, H, W]; the specification has them [H, W, I, O]. */
function fitting(file: string, name: string, value: HostArray, spec: ParameterSpec): HostArray {
  const [h, w, i, o] = spec.shape;
  const shape = spec.shape.length === 4 ? [o, i, h, w] : spec.shape;
  if (value.dtype !== spec.dtype || String(value.shape) !== String(shape))
    throw new UserError(
      `--pretrained ${file}: ${name} is ${value.dtype} [${value.shape}], expected ${spec.dtype} [${shape}]`,
    );
  return value;
}

/** Gives networks new weights; their followers and all replicas' statistics start as copies. */
export async function setWeights(learner: Learner, values: Tensors): Promise<void> {
  const { definition } = learner;
  const state = await learner.save();
  for (const [name, value] of values)
    for (const copy of copiesOf(definition, name)) state.set(copy, value);
  await learner.restore(state);
}

function copiesOf({ model, replicas }: StepDefinition, name: string): string[] {
  const network = name.slice(0, name.indexOf('.'));
  const followers = Object.entries(model.followers).flatMap(([follower, leader]) =>
    leader === network ? [follower + name.slice(network.length)] : [],
  );
  const isBuffer = model.networks[network]?.buffers.has(name.slice(network.length + 1)) ?? false;
  const everywhere = [name, ...followers];
  if (!isBuffer) return everywhere;
  return everywhere.flatMap((one) =>
    Array.from({ length: replicas }, (_, replica) => bufferState(replica, one)),
  );
}

/**
 * The weights with each float moved to the next one above or below: the smallest possible change,
 * which shows how far two runs can part by rounding alone.
 */
export function perturbed(state: Tensors, model: Model, perturbation: number): Tensors {
  const values = new Map<string, HostArray>();
  for (const [name, { dtype, role }] of weightsOf(model)) {
    const value = state.get(name);
    if (dtype !== 'float32' || role === 'statistic' || value === undefined) continue;
    const data = Float32Array.from(value.data, Number);
    const bits = new Int32Array(data.buffer);
    const draws = stream(perturbation, 'perturbation', name);
    for (let i = 0; i < bits.length; i++)
      if (data[i] !== 0) bits[i] = (bits[i] ?? 0) + (draws.uniform() < 0.5 ? 1 : -1);
    values.set(name, { ...value, data });
  }
  return values;
}
