import { type Content, type Sha256, sha256File, UserError, writeAtomic } from '../base/index.ts';
import type { HostArray } from '../engine/array.ts';
import { choiceText, chooseEncoder, refuseMissing } from '../weights/choose_encoder.ts';
import { detectorAsBackbone } from '../weights/detector_file.ts';
import { besideGroups, type DetectorPart, detectorIn } from '../weights/detector_tensors.ts';
import { encodeDetectron, encodeModel } from '../weights/detectron.ts';
import { openPublished, stampIn, type Weights } from '../weights/published.ts';
import { encodeSafetensors } from '../weights/safetensors.ts';
import { encodeTorch, encodeTorchCheckpoint } from '../weights/torch/write_torch.ts';
import { lastIteration } from './detector_weights.ts';

export interface ConvertOptions {
  readonly file: string;
  /** `.safetensors`, `.pth` (or `.pt`, `.pth.tar`), or `.pkl` for detectron2. */
  readonly out: string;
  /** Of a `.pkl`: what stands before the backbone's names; found by default (`chooseEncoder`). */
  readonly prefix?: string | undefined;
}

export interface Converted {
  readonly path: string;
  readonly sha256: Sha256;
  /** Tensors written. */
  readonly tensors: number;
  /** What was taken and what was left, for people. */
  readonly said: readonly string[];
}

const ENDINGS = '.safetensors, .pth, .pt, .pth.tar or .pkl (detectron2)';

/**
 * Writes the tensors of a file of weights in another format, which the name of OUT tells, bit by bit and type by type.
 * Between safetensors and PyTorch's all tensors keep their names; into a `.pkl` goes the backbone alone, under
 * detectron2's names, and comes back under a ResNet's. A detector goes into `.pth` and `.pkl` whole, as detectron2 loads
 * it, and what a run has besides is left; with a prefix its backbone goes alone.
 * @throws UserError where OUT has another ending, and as `readWeightsFile` and `chooseEncoder`.
 */
export async function convertWeights(options: ConvertOptions): Promise<Converted> {
  const { file, out, prefix } = options;
  const form = formOf(out);
  if (stampIn(out) !== undefined)
    throw new UserError(`${out}: a name that ends in a hash is made by publishing; choose another`);
  if (prefix !== undefined && form !== 'pkl')
    throw new UserError(
      `--prefix ${prefix} goes with a .pkl, into which the backbone alone is written; ` +
        'to write one as safetensors, use extract_backbone',
    );
  const weights = openPublished(file);
  const detector = prefix === undefined ? detectorIn(weights.tensors) : undefined;
  if (detector !== undefined && form !== 'safetensors')
    return detectorWritten(out, form, detector, weights);
  if (form === 'pkl') {
    const { tensors, said } = backboneOf(weights, prefix);
    return written(out, encodeDetectron(tensors), tensors.size, [said]);
  }
  const { tensors, metadata } = weights;
  if (form === 'safetensors')
    return written(out, encodeSafetensors({ tensors, metadata }), tensors.size, []);
  const lost = Object.keys(metadata);
  const said =
    lost.length > 0
      ? [`${file}: left: its metadata (${lost.join(', ')}), which ${out} has no place for`]
      : [];
  return written(out, encodeTorch(sorted(tensors)), tensors.size, said);
}

/** A file that detectron2 loads whole: names are exact, `model.` in front of them is gone. */
function detectorWritten(
  out: string,
  form: 'torch' | 'pkl',
  { tensors: found, beside }: DetectorPart<HostArray>,
  weights: Weights,
) {
  const tensors = sorted(found);
  const content =
    form === 'pkl'
      ? encodeModel(tensors, false)
      : encodeTorchCheckpoint(tensors, lastIteration(weights));
  const { file } = weights;
  const said = [`${file}: ${tensors.size} tensors of a detector taken, under detectron2's names`];
  if (beside.length > 0) said.push(`${file}: left: ${besideGroups(beside).join(', ')}`);
  return written(out, content, tensors.size, said);
}

function formOf(out: string): 'safetensors' | 'torch' | 'pkl' {
  if (/\.safetensors$/i.test(out)) return 'safetensors';
  if (/\.(?:pth|pt|pth\.tar)$/i.test(out)) return 'torch';
  if (/\.pkl$/i.test(out)) return 'pkl';
  throw new UserError(`${out} has no ending that says what to write; expected ${ENDINGS}`);
}

function backboneOf(weights: Weights, prefix: string | undefined) {
  const { file, metadata } = weights;
  const tensors = detectorAsBackbone(weights.tensors);
  const own = metadata.backbonePrefix;
  const described =
    own === undefined ? undefined : { prefix: own, by: "the file's own backbonePrefix" };
  const choice = chooseEncoder({ file, tensors, prefix, described });
  refuseMissing(choice);
  const { names } = choice.encoder;
  const taken = new Map(
    [...names].flatMap(([name, there]) => {
      const value = tensors.get(there);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
  const said = choiceText(choice, tensors.keys(), new Set(names.values()));
  return { tensors: sorted(taken), said };
}

/** In order of name, so that the order of the file that was read does not reach the bytes. */
function sorted(tensors: ReadonlyMap<string, HostArray>): ReadonlyMap<string, HostArray> {
  return new Map([...tensors].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function written(path: string, content: Content, tensors: number, said: readonly string[]) {
  await writeAtomic(path, content);
  return { path, sha256: sha256File(path), tensors, said };
}
