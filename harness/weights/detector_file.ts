import { fileKindAt, UserError } from '../base/index.ts';
import { entryOf } from '../data/pickle/plain.ts';
import { plainText } from '../data/pickle/unpickle.ts';
import type { HostArray } from '../engine/array.ts';
import type { Shapes } from './architecture.ts';
import { besideGroups, detectorIn, isDetectorName } from './detector_tensors.ts';
import {
  type DetectronFile,
  detectronName,
  HEURISTICS,
  readModel,
  resnetName,
} from './detectron.ts';
import { checkArrived, matchNames, matchText, type NameMatch } from './match_names.ts';
import { openPublished } from './published.ts';
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
  const prefix = detectorIn(tensors)?.prefix;
  if (prefix === undefined) return tensors;
  return new Map(
    [...tensors].map(([name, tensor]) => {
      const own = name.startsWith(prefix)
        ? resnetNameInDetector(name.slice(prefix.length))
        : undefined;
      return [own === undefined ? name : `backbone.${own}`, tensor] as const;
    }),
  );
}

export interface DetectorTensors {
  /** By detectron2's names. */
  readonly tensors: ReadonlyMap<string, HostArray>;
  readonly match: NameMatch;
  /** What became of every name of the file and of the detector, for people. */
  readonly said: readonly string[];
  /** Tensors of another shape, which were left, for people. */
  readonly warnings: readonly string[];
}

/**
 * The tensors of a detector that a file has: detectron2's `.pkl` of a backbone or a whole detector, its
 * `.pth` checkpoints, or safetensors under its names. Names are matched by their ends where the file asks
 * for it, else exactly.
 * @param model shapes by detectron2's names, as files have them (`fileShapes`)
 * @param whole whether all of the detector must be there, or the pre-trained network alone
 * @throws UserError where less arrives than the architecture has, a name could be two of the model's, or
 *   the file cannot be read
 */
export function readDetectorFile(path: string, model: Shapes, whole = false): DetectorTensors {
  return arrived(path, contentOf(path), model, whole);
}

interface DetectorContent extends DetectronFile {
  /** What else the file has, for people. */
  readonly beside: readonly string[];
}

function arrived(
  file: string,
  { tensors, byEnds, beside }: DetectorContent,
  model: Shapes,
  whole: boolean,
): DetectorTensors {
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  const match = matchNames(shapes, model, byEnds, file);
  checkArrived(match, model, (name) => whole || isPretrained(name), file);
  const own = [...match.matched].flatMap(([name, there]) => {
    const array = tensors.get(there);
    return array === undefined ? [] : [[name, array] as const];
  });
  return { tensors: new Map(own), match, ...matchText(file, match, beside) };
}

const MODEL = 'model.'; // the table that detectron2's checkpointer puts the weights in

function contentOf(path: string): DetectorContent {
  const kind = fileKindAt(path)?.kind;
  if (kind === 'pickle') {
    const { others, ...content } = readModel(path);
    return { ...content, beside: others };
  }
  if (kind === 'torch' || kind === 'torch-legacy') return checkpointOf(path);
  const { tensors } = openPublished(path);
  const { prefix, beside = [], ...part } = detectorIn(tensors) ?? { tensors };
  return {
    tensors: part.tensors,
    byEnds: false,
    beside: besideGroups(beside),
  };
}

/** A checkpoint of detectron2's: a table `model` beside others, or, as it takes them too, a model's state alone. */
function checkpointOf(path: string): DetectorContent {
  let top: readonly string[] = [];
  let byEnds = false;
  const all = readTorchFile(
    path,
    (name) => name.startsWith(MODEL) || isDetectorName(name),
    (value) => {
      top = value instanceof Map ? [...value.keys()].map(plainText) : [];
      byEnds = entryOf(value, HEURISTICS) === true;
    },
  );
  const own = [...all].filter(([name]) => name.startsWith(MODEL));
  if (own.length > 0)
    return {
      tensors: new Map(own.map(([name, array]) => [name.slice(MODEL.length), array])),
      byEnds,
      beside: top.filter((name) => name !== 'model' && name !== HEURISTICS),
    };
  if (all.size > 0) return { tensors: all, byEnds: false, beside: [] };
  throw new UserError(
    `${path} has no table \`model\` and no names of a detector; expected a checkpoint of detectron2: convert other weights with the convert command`,
  );
}
