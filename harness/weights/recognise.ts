import { type Sha256, UserError } from '../base/index.ts';
import { type HostArray, sizeOf, zeros } from '../engine/array.ts';
import type { ParameterSpec } from '../nn/module.ts';
import { type ResNetSpec, resnet } from '../nn/resnet.ts';
import { architectureOf } from './architecture.ts';
import { type Choice, chooseEncoder, groups, refuseMissing } from './choose_encoder.ts';
import { detectorAsBackbone } from './detector_file.ts';
import { fileShape } from './file_shapes.ts';
import { type LeftOver, leftOver } from './left_over.ts';
import { ownDescription } from './own_description.ts';
import { openWeights } from './published.ts';

export interface RecogniseOptions {
  /** What stands before `conv1.weight`; found by default (`chooseEncoder`). */
  readonly prefix?: string | undefined;
}

/** The ResNet that a file of weights holds, told by its tensors. */
export interface RecognisedBackbone {
  readonly file: string;
  /** What its tensors say: depth, width, stem, channels, groups, norm; training options have their defaults. */
  readonly spec: ResNetSpec;
  /**
   * Exactly the parameters and buffers of `resnet(spec).module`, by its names (`layer1.0.conv1.weight`), in the shapes
   * of files (convolutions [O, I, H, W]); float32, counters int64.
   */
  readonly tensors: ReadonlyMap<string, HostArray>;
  /** Of the file's bytes. */
  readonly sha256: Sha256;
  /** What stands before the names in the file. */
  readonly prefix: string;
  /** What decided for this prefix. */
  readonly rule: string;
  /** What was taken, what was left and what was assumed, for people. */
  readonly said: readonly string[];
}

const SHOWN = 6; // names that a message lists

/**
 * Reads the backbone of any file of weights: published, extracted, a checkpoint, other systems' safetensors, PyTorch's.
 * @throws UserError where no backbone is there, where several are and nothing decides (`--prefix` does), where the
 *   network is none that can be built here, and naming tensors that are missing or of another shape.
 */
export async function recogniseBackbone(
  file: string,
  { prefix }: RecogniseOptions = {},
): Promise<RecognisedBackbone> {
  const weights = await openWeights(file);
  const own = ownDescription(weights);
  const named = detectorAsBackbone(weights.tensors);
  const there = new Map([...named].filter(([name]) => !own.beside(name)));
  const choice = chooseEncoder({ file, tensors: there, prefix, described: own.prefix });
  const { encoder, rule } = choice;
  const taken = [...encoder.names].map(([name, named]) => [name, tensorOf(there, named)] as const);
  const shapes = new Map(taken.map(([name, { shape }]) => [name, shape]));
  const before = leftOver(there.keys(), new Set(encoder.names.values()), encoder, choice.all);
  refuseStrange(choice, before.strange);
  const { spec, assumed } = own.spec ?? architectureOf(file, shapes);
  const wanted = wantedOf(spec);
  refuseUnfit(choice, new Map(taken), wanted);
  const surplus = [...encoder.names].filter(([name]) => !wanted.has(name));
  refuseStrange(
    choice,
    surplus.map(([, name]) => name),
  );
  const values = new Map(taken);
  const tensors = new Map(
    [...wanted].map(([name, { dtype, shape }]) => [name, values.get(name) ?? zeros(dtype, shape)]),
  );
  const said = [
    ...weights.notes,
    `${file}: ${specText(spec)}, ${encoder.names.size} tensors under "${encoder.prefix}" by ${rule}`,
    ...assumed.map((one) => `${file}: ${one}, as nothing in it says otherwise`),
    ...restText(file, own.known ? ownRest(before) : before, weights.tensors.size - there.size),
  ];
  return { file, spec, tensors, sha256: weights.sha256, prefix: encoder.prefix, rule, said };
}

function tensorOf(tensors: ReadonlyMap<string, HostArray>, name: string): HostArray {
  const value = tensors.get(name);
  if (value === undefined) throw new Error(`weights: ${name} was listed and is not there`);
  return value;
}

/** The tensors of a network, with their shapes in files. */
function wantedOf(spec: ResNetSpec): Map<string, Pick<ParameterSpec, 'dtype' | 'shape'>> {
  const { parameters, buffers } = resnet(spec).module;
  return new Map(
    [...parameters, ...buffers].map(([name, { dtype, shape }]) => [
      name,
      { dtype, shape: fileShape(shape) },
    ]),
  );
}

function refuseStrange({ file, encoder }: Choice, strange: readonly string[]): void {
  if (strange.length === 0) return;
  throw new UserError(
    `${file}: ${listed(strange)} ${strange.length > 1 ? 'are' : 'is'} inside the backbone under "${encoder.prefix}" and of no ` +
      'ResNet that can be built here (a deep stem, Squeeze-and-Excitation and anti-aliasing are not); use weights of a plain one',
  );
}

/** @throws UserError naming what is missing or of another shape. Counters may be missing: old files have none. */
function refuseUnfit(
  choice: Choice,
  taken: ReadonlyMap<string, HostArray>,
  wanted: ReadonlyMap<string, Pick<ParameterSpec, 'dtype' | 'shape'>>,
): void {
  const missing = [...wanted].flatMap(([name, { dtype }]) =>
    taken.has(name) || dtype === 'int64' ? [] : [name],
  );
  refuseMissing({ ...choice, missing });
  const wrong = [...wanted].flatMap(([name, { dtype, shape }]) => {
    const found = taken.get(name);
    if (found === undefined || (found.dtype === dtype && String(found.shape) === String(shape)))
      return [];
    if (dtype === 'int64' && sizeOf(found.shape) === 1) return [];
    return [`${name} is ${found.dtype} [${found.shape}], expected ${dtype} [${shape}]`];
  });
  if (wrong.length > 0)
    throw new UserError(
      `${choice.file}: ${listed(wrong)}, as the other tensors under "${choice.encoder.prefix}" have it; is the file whole?`,
    );
}

/** `ResNet-50, width 1/4, 3x3 stem`. */
export function specText(spec: ResNetSpec): string {
  const { depth, width, stem, channels, groups: count = 1, groupWidth, norm } = spec;
  const name = count > 1 ? `ResNeXt-${depth} ${count}x${groupWidth ?? 4}d` : `ResNet-${depth}`;
  return [
    name,
    ...(count === 1 && groupWidth !== undefined ? [`inner width ${groupWidth / 64}`] : []),
    ...(width === 1 ? [] : [`width ${width}`]),
    ...(stem === 'cifar' ? ['3x3 stem'] : []),
    ...(channels === 3 ? [] : [`${channels} channels`]),
    ...(norm === 'group' ? ['group norm'] : []),
  ].join(', ');
}

/** Of a file of ours all that is not the backbone is known. */
function ownRest(rest: LeftOver): LeftOver {
  return { ...rest, needless: [...rest.needless, ...rest.unknown], unknown: [] };
}

function restText(file: string, { needless, unknown }: LeftOver, beside: number): string[] {
  return [
    ...(beside > 0 ? [`${file}: not needed: the state of the run (${beside} tensors)`] : []),
    ...(needless.length > 0 ? [`${file}: not needed: ${groups(needless)}`] : []),
    ...(unknown.length > 0 ? [`${file}: not known and not used: ${groups(unknown)}`] : []),
  ];
}

function listed(names: readonly string[]): string {
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '';
  return names.slice(0, SHOWN).join(', ') + more;
}
