import { basename, dirname } from 'node:path';
import { canonicalJson, type Sha256, UserError } from '../base/index.ts';
import type { HostArray } from '../engine/array.ts';
import { bindMethod, type Experiment, type Methods } from '../experiment/index.ts';
import { resnet } from '../nn/resnet.ts';
import { stepDefinition } from '../step/definition.ts';
import { openWeights, stampIn, type Weights } from '../weights/published.ts';
import { type TensorFile, writeSafetensors } from '../weights/safetensors.ts';
import { experimentIn, writeStamped } from './publish.ts';

const SHOWN = 8; // names that a message lists

export interface ExtractOptions {
  readonly file: string;
  readonly methods: Methods;
  /** What stands before the backbone's names; found from the file's experiment by default. */
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
}

/**
 * Writes a backbone alone, under names without prefix (`conv1.weight`, `layer1.0.bn1.bias`, …), from
 * published weights, a checkpoint or another system's safetensors.
 * @throws UserError listing what the file has when the prefix matches nothing, and naming what is
 *   missing, too much or of another shape where the experiment says what the backbone is.
 */
export async function extractBackbone(options: ExtractOptions): Promise<Extracted> {
  const { file, methods, out } = options;
  const weights = await openWeights(file);
  const experiment = experimentIn(weights, methods);
  const prefix = options.prefix ?? prefixOf(weights, experiment, methods);
  const tensors = new Map(
    [...weights.tensors]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), value] as const),
  );
  if (!tensors.has('conv1.weight')) throw new UserError(noBackbone(weights, prefix));
  const expected = experiment && checkAll(file, tensors, experiment);
  const content: TensorFile = {
    tensors,
    metadata: {
      format: 'reprise-backbone-1',
      source: weights.sha256,
      ...(experiment && { experiment: canonicalJson(experiment) }),
    },
  };
  const { path, hash } = await write(content, file, out);
  const counts = { tensors: tensors.size, ...(expected === undefined ? {} : { expected }) };
  return { path, sha256: hash, prefix, ...counts };
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

function prefixOf(
  { tensors, metadata }: Weights,
  experiment: Experiment | undefined,
  methods: Methods,
): string {
  if (metadata.backbonePrefix !== undefined) return metadata.backbonePrefix;
  if (experiment !== undefined && metadata.format !== 'reprise-backbone-1')
    return stepDefinition(experiment, bindMethod(experiment, methods)).model.backbone;
  const stems = [...tensors.keys()].filter((name) => /(^|\.)conv1\.weight$/.test(name));
  const [first = ''] = stems.sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  return first.slice(0, -'conv1.weight'.length);
}

function noBackbone({ file, tensors }: Weights, prefix: string): string {
  const counts = new Map<string, number>();
  for (const name of tensors.keys()) {
    const head = /^(?:[^.]+\.)?(?:\d+\.)?(?=[^.]+\.)/.exec(name)?.[0] ?? name;
    counts.set(head, (counts.get(head) ?? 0) + 1);
  }
  const heads = [...counts].sort().map(([head, count]) => `${head}* (${count})`);
  return (
    `${file} has no ${prefix}conv1.weight; it has ${listed(heads)}. ` +
    'Name what stands before conv1.weight with --prefix'
  );
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

/** Files hold convolutions as [O, I, H, W]; the specification has them [H, W, I, O]. */
function fileShape(shape: readonly number[]): readonly number[] {
  const [h, w, i, o] = shape;
  if (h === undefined || w === undefined || i === undefined || o === undefined) return shape;
  return [o, i, h, w];
}

function listed(names: readonly string[]): string {
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '';
  return names.slice(0, SHOWN).join(', ') + more;
}
