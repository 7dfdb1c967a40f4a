import { basename, dirname } from 'node:path';
import { canonicalJson, type Sha256, UserError } from '../base/index.ts';
import type { HostArray } from '../engine/array.ts';
import type { Experiment, Methods } from '../experiment/index.ts';
import { resnet } from '../nn/resnet.ts';
import { describedPrefix, experimentIn } from '../step/described.ts';
import {
  type Choice,
  choiceText,
  chooseEncoder,
  refuseMissing,
} from '../weights/choose_encoder.ts';
import { detectorAsBackbone } from '../weights/detector_file.ts';
import { detectorIn } from '../weights/detector_tensors.ts';
import { fileShape } from '../weights/file_shapes.ts';
import { openWeights, stampIn, type Weights } from '../weights/published.ts';
import { type TensorFile, writeSafetensors } from '../weights/safetensors.ts';
import { writeStamped } from './publish.ts';

const SHOWN = 8; // names that a message lists

export interface ExtractOptions {
  readonly file: string;
  readonly methods: Methods;
  /** What stands before the backbone's names; found by default (`chooseEncoder`). */
  readonly prefix?: string | undefined;
  /** Where to write; by default beside the file, `STEM_backbone-HASH8.safetensors`. */
  readonly out?: string | undefined;
}

export interface Extracted {
  readonly path: string;
  readonly sha256: Sha256;
  readonly prefix: string;
  /** Tensors written. */
  readonly tensors: number;
  /** Tensors that the network of the file's experiment has; absent for other systems' files. */
  readonly expected?: number;
  /** What decided for this prefix. */
  readonly rule: string;
  /** What was taken, and what was left, for people. */
  readonly said: readonly string[];
}

/**
 * Writes a backbone alone, under names without prefix (`conv1.weight`, `layer1.0.bn1.bias`, …) and in
 * float32, from published weights, a checkpoint or another system's safetensors (`chooseEncoder`).
 * @throws UserError listing what the file has when it is not clear which backbone is meant, and naming
 *   what is missing, too much or of another shape where that is known.
 */
export async function extractBackbone(options: ExtractOptions): Promise<Extracted> {
  const { file, methods, out, prefix } = options;
  const weights = asBackbone(await openWeights(file));
  const experiment = experimentIn(weights, methods);
  const described = describedPrefix(weights, experiment, methods);
  const choice = chooseEncoder({ file, tensors: weights.tensors, prefix, described });
  const taken = experiment ? underPrefix(weights, choice) : choice.encoder.names;
  const tensors = new Map<string, HostArray>();
  for (const [own, name] of taken) {
    const value = weights.tensors.get(name);
    if (value !== undefined) tensors.set(own, value);
  }
  const expected = experiment && checkAll(file, tensors, experiment);
  if (expected === undefined) refuseMissing(choice);
  const content: TensorFile = {
    tensors,
    metadata: {
      format: 'reprise-backbone-1',
      source: weights.sha256,
      ...(experiment && { experiment: canonicalJson(experiment) }),
    },
  };
  const { path, hash } = await write(content, file, out);
  const said = choiceText(choice, weights.tensors.keys(), new Set(taken.values()));
  return {
    path,
    sha256: hash,
    prefix: choice.encoder.prefix,
    rule: choice.rule,
    tensors: tensors.size,
    ...(expected === undefined ? {} : { expected }),
    said: [...weights.notes, said],
  };
}

/** A detector is no experiment of a method: its backbone is found by name, as in other systems' files. */
function asBackbone<W extends Weights>(weights: W): W {
  if (detectorIn(weights.tensors) === undefined) return weights;
  return { ...weights, tensors: detectorAsBackbone(weights.tensors), metadata: {} };
}

/** All that a file of ours has under the prefix, so that what is too much is found. */
function underPrefix({ tensors }: Weights, { encoder: { prefix } }: Choice): Map<string, string> {
  const names = [...tensors.keys()].filter((name) => name.startsWith(prefix));
  return new Map(names.map((name) => [name.slice(prefix.length), name]));
}

async function write(content: TensorFile, file: string, out: string | undefined) {
  if (out === undefined) {
    const stem = basename(file).replace(/(-[0-9a-f]{8})?\.safetensors$/, '');
    return writeStamped(dirname(file), `${stem}_backbone`, content);
  }
  if (stampIn(out) !== undefined)
    throw new UserError(
      `${out}: a name that ends in a hash is made from the content; leave OUT away to get one`,
    );
  return { path: out, hash: await writeSafetensors(out, content) };
}

/** @returns how many tensors the backbone of an experiment has. */
function checkAll(
  file: string,
  tensors: ReadonlyMap<string, HostArray>,
  { name, backbone }: Experiment,
): number {
  const { parameters, buffers } = resnet(backbone).module;
  const wanted = new Map([...parameters, ...buffers]);
  const missing = [...wanted.keys()].filter((key) => !tensors.has(key));
  const surplus = [...tensors.keys()].filter((key) => !wanted.has(key));
  const misshapen = [...tensors].flatMap(([key, { shape }]) => {
    const fits = String(shape) === String(fileShape(wanted.get(key)?.shape ?? shape));
    return fits ? [] : [`${key} [${shape}]`];
  });
  const wrong = [
    ...(missing.length > 0 ? [`missing ${listed(missing)}`] : []),
    ...(surplus.length > 0 ? [`unknown ${listed(surplus)}`] : []),
    ...(misshapen.length > 0 ? [`of another shape ${listed(misshapen)}`] : []),
  ];
  if (wrong.length > 0)
    throw new UserError(
      `${file} does not hold the ResNet-${backbone.depth} of ${name}: ${wrong.join('; ')}`,
    );
  return wanted.size;
}

function listed(names: readonly string[]): string {
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '';
  return names.slice(0, SHOWN).join(', ') + more;
}
