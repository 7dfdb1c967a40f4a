import { fileKindAt, UserError } from '../base/index.ts';
import type { HostArray } from '../engine/array.ts';
import type { Shapes } from './architecture.ts';
import { detectronName, readModel, resnetName } from './detectron.ts';
import { checkArrived, matchNames, type NameMatch } from './match_names.ts';
import { readSafetensors } from './safetensors.ts';
import { readTorchFile } from './torch/torch_file.ts';

const LAST = 'layer4.'; // of a ResNet: in C4 it belongs to the head

/**
 * The name that a tensor of a pre-trained ResNet has in detectron2's C4 detectors: the last stage works
 * on regions, the rest is the backbone.
 * @example 'layer4.0.bn1.bias' → 'roi_heads.res5.0.conv1.norm.bias'
 */
export function detectorName(own: string): string {
  return `${own.startsWith(LAST) ? 'roi_heads' : 'backbone'}.${detectronName(own)}`;
}

/** The ResNet's name of a detector's tensor; undefined for one that no ResNet has. */
export function resnetNameInDetector(name: string): string | undefined {
  const own = resnetName(name.replace(/^(backbone|roi_heads)\./, ''));
  return own !== undefined && detectorName(own) === name && !EXTRA.test(own) ? own : undefined;
}

const EXTRA = /^layer4\.norm\./; // the norm that the benchmark puts behind res5

/** Whether a tensor of a detector comes from the pre-trained network. */
export function isPretrained(name: string): boolean {
  return resnetNameInDetector(name) !== undefined;
}

/**
 * The tensors of a file, those of a detector's network under a ResNet's names behind `backbone.`, its last
 * stage among them; the others, and those of a file that is no detector's, as they are.
 */
export function detectorAsBackbone<T>(tensors: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  const names = [...tensors.keys()];
  if (!names.some((name) => STAMP.test(name))) return tensors;
  return new Map(
    [...tensors].map(([name, tensor]) => {
      const own = resnetNameInDetector(name.replace(/^model\./, ''));
      return [own === undefined ? name : `backbone.${own}`, tensor] as const;
    }),
  );
}

/** What only a C4 detector has. */
const STAMP = /^(model\.)?roi_heads\.res5\.0\.conv1\.weight$/;

export interface DetectorTensors {
  /** By detectron2's names. */
  readonly tensors: ReadonlyMap<string, HostArray>;
  readonly match: NameMatch;
}

/**
 * The tensors of a detector that a file has: detectron2's `.pkl` of a backbone or a whole detector, its
 * `.pth` checkpoints, or safetensors under its names. Names are matched by their ends where a `.pkl` asks
 * for it, else exactly.
 * @param model shapes by detectron2's names
 * @param whole whether all of the detector must be there, or the pre-trained network alone
 * @throws UserError where less arrives than the architecture has, a name could be two of the model's, or
 *   the file cannot be read
 */
export function readDetectorFile(path: string, model: Shapes, whole = false): DetectorTensors {
  const { tensors, byEnds } = contentOf(path);
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  const match = matchNames(shapes, model, byEnds);
  checkArrived(match, model, (name) => whole || isPretrained(name), path);
  const own = [...match.matched].flatMap(([name, file]) => {
    const array = tensors.get(file);
    return array === undefined ? [] : [[name, array] as const];
  });
  return { tensors: new Map(own), match };
}

const MODEL = 'model.'; // the table that detectron2's checkpointer puts the weights in

function contentOf(path: string): ReturnType<typeof readModel> {
  const kind = fileKindAt(path)?.kind;
  if (kind === 'pickle') return readModel(path);
  if (kind !== 'torch' && kind !== 'torch-legacy')
    return { tensors: readSafetensors(path).tensors, byEnds: false };
  const all = readTorchFile(path, (name) => name.startsWith(MODEL));
  if (all.size === 0)
    throw new UserError(
      `${path} has no table \`model\`; expected a checkpoint of detectron2: convert other weights with the convert command`,
    );
  const tensors = new Map([...all].map(([name, array]) => [name.slice(MODEL.length), array]));
  return { tensors, byEnds: false };
}
