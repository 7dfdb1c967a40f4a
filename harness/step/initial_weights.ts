import { type Sha256, UserError } from '../base/index.ts';
import type { HostArray } from '../engine/array.ts';
import type { Experiment, Methods, Model } from '../experiment/index.ts';
import type { ParameterSpec } from '../nn/module.ts';
import { stream } from '../random/stream.ts';
import { choiceText, chooseEncoder, refuseMissing, wrapperOf } from '../weights/choose_encoder.ts';
import { detectorAsBackbone } from '../weights/detector_file.ts';
import { fileShape } from '../weights/file_shapes.ts';
import { openWeights, type Weights } from '../weights/published.ts';
import type { StepDefinition } from './definition.ts';
import { describedPrefix, experimentIn } from './described.ts';
import type { Learner, Tensors } from './learner.ts';
import { bufferState } from './towers.ts';

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
  /** Of the file. */
  readonly sha256: Sha256;
  /** What stands before the backbone's names in it. */
  readonly prefix: string;
  /** What was taken and what was left, for people. */
  readonly said: readonly string[];
}

export interface PretrainedRequest {
  readonly file: string;
  /** What stands before the backbone's names; found by default (`chooseEncoder`). */
  readonly prefix?: string | undefined;
  /** By `kind`, for files that hold an experiment. */
  readonly methods: Methods;
}

/**
 * Reads weights for a model: under the run's full names (`encoder_q.0.conv1.weight`, heads too, with
 * wrappers such as `module.` before them or not), or the backbone's alone under any other prefix.
 * @throws UserError listing what is missing unless the whole backbone is there, where a shape is
 *   another one, and where it is not clear which backbone is meant.
 */
export async function readPretrained(
  { file, prefix, methods }: PretrainedRequest,
  model: Model,
): Promise<Pretrained> {
  const weights = await openWeights(file);
  const { sha256 } = weights;
  const tensors = detectorAsBackbone(weights.tensors);
  const specs = weightsOf(model);
  const choice = chooseEncoder({
    file: `--pretrained ${file}`,
    tensors,
    prefix,
    described: describedPrefix(weights, experimentOrNone(weights, methods), methods),
    own: model.renamed === undefined ? model.backbone : undefined,
    wanted: backboneShapes(model, specs),
  });
  refuseMissing(choice);
  const { encoder } = choice;
  const named = new Map([...encoder.names].map(([own, name]) => [fullName(model, own), name]));
  const wrapper =
    model.pretrained === 'backbone' ? undefined : wrapperOf(encoder.prefix, model.backbone);
  if (wrapper !== undefined)
    for (const name of tensors.keys())
      if (name.startsWith(wrapper)) named.set(name.slice(wrapper.length), name);
  const values = new Map<string, HostArray>();
  const used = new Set<string>();
  for (const [own, name] of named) {
    const [spec, value] = [specs.get(own), tensors.get(name)];
    if (spec === undefined || value === undefined) continue;
    values.set(own, fitting(file, own, value, spec));
    used.add(name);
  }
  const notes = weights.notes.map((note) => `--pretrained ${note}`);
  const said = [...notes, choiceText(choice, tensors.keys(), used)];
  return { values, sha256, prefix: encoder.prefix, said };
}

// A file whose experiment is of another version is read as any other system's.
function experimentOrNone(weights: Weights, methods: Methods): Experiment | undefined {
  try {
    return experimentIn(weights, methods);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** Names that a backbone must have without its prefix, but for counters, and their shapes in files. */
function backboneShapes(
  { backbone, renamed }: Model,
  specs: ReadonlyMap<string, ParameterSpec>,
): Map<string, readonly number[]> {
  if (renamed !== undefined)
    return new Map(
      [...renamed].flatMap(([own, name]) => {
        const spec = specs.get(name);
        return spec === undefined || spec.dtype === 'int64' ? [] : [[own, fileShape(spec.shape)]];
      }),
    );
  return new Map(
    [...specs].flatMap(([name, spec]) =>
      name.startsWith(backbone) && spec.dtype !== 'int64'
        ? [[name.slice(backbone.length), fileShape(spec.shape)] as const]
        : [],
    ),
  );
}

/** What a tensor of the backbone is called in the model. */
function fullName({ backbone, renamed }: Model, own: string): string {
  return renamed === undefined ? backbone + own : (renamed.get(own) ?? own);
}

function fitting(file: string, name: string, value: HostArray, spec: ParameterSpec): HostArray {
  const shape = fileShape(spec.shape);
  if (value.dtype !== spec.dtype || String(value.shape) !== String(shape))
    throw new UserError(
      `--pretrained ${file}: ${name} is ${value.dtype} [${value.shape}], expected ${spec.dtype} [${shape}]`,
    );
  return value;
}

/**
 * Whether what `--prefix` says is what a run began with.
 * @param began what its record says; undefined where it does not say.
 * @throws UserError where it is not.
 */
export function checkPrefix(asked: string | undefined, began: string | undefined): void {
  const bare = (prefix: string) => prefix.replace(/\.$/, '');
  if (asked === undefined || (began !== undefined && bare(asked) === bare(began))) return;
  const what = began === undefined ? 'no --prefix' : `the backbone under "${began}"`;
  throw new UserError(
    `--prefix ${asked}: the run began with ${what}; leave the option out, or start a new run in another --work_dir`,
  );
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
  const network = Object.keys(model.networks).find((one) => name.startsWith(`${one}.`)) ?? '';
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
  return perturbedValues(state, weightsOf(model), perturbation);
}

/** `perturbed` of weights under whatever names. */
export function perturbedValues(
  state: Tensors,
  specs: Iterable<readonly [string, ParameterSpec]>,
  perturbation: number,
): Map<string, HostArray> {
  const values = new Map<string, HostArray>();
  for (const [name, { dtype, role }] of specs) {
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
