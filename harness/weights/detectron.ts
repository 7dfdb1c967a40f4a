import { readBytes, UserError } from '../base/index.ts';
import { entryOf, textOf } from '../data/pickle/plain.ts';
import { type PickleWriter, pickleWriter } from '../data/pickle/writer.ts';
import { bytesOf, type HostArray } from '../engine/array.ts';
import { LETTERS } from './numpy_array.ts';
import { contentOfPickle } from './torch/content.ts';
import { bytesTaken, heldIn, hostArrayIn } from './torch/held.ts';

const AUTHOR = 'OpenSelfSup'; // what the original writes, and detectron2 prints
/** The entry of a file that asks for names to be matched by their ends. */
export const HEURISTICS = 'matching_heuristics';
const GROWTH = 8; // arrays may be named several times; together they take at most so many times the file
const SPARE = 1 << 24;

/** Renamings in the order in which the original makes them (docs/reference/benchmarks.md, section 10). */
const RENAMINGS: readonly (readonly [from: string, to: string])[] = [
  ...[1, 2, 3, 4].map((stage) => [`layer${stage}`, `res${stage + 1}`] as const),
  ...[1, 2, 3].map((place) => [`bn${place}`, `conv${place}.norm`] as const),
  ['downsample.0', 'shortcut'],
  ['downsample.1', 'shortcut.norm'],
];

/** detectron2's name for a tensor of a ResNet. @example 'layer1.0.bn2.bias' → 'res2.0.conv2.norm.bias' */
export function detectronName(name: string): string {
  const begun = name.includes('layer') ? name : `stem.${name}`;
  return RENAMINGS.reduce((now, [from, to]) => now.replaceAll(from, to), begun);
}

/** The ResNet's name for a tensor of detectron2's; undefined for a name that `detectronName` does not make. */
export function resnetName(name: string): string | undefined {
  // Back in the other order, so that `shortcut.norm` goes before `shortcut`.
  const back = [...RENAMINGS]
    .reverse()
    .reduce((now, [to, from]) => now.replace(from, to), name)
    .replace(/^stem\./, '');
  return detectronName(back) === name ? back : undefined;
}

/**
 * The bytes of a file that detectron2 loads, in pieces: names to numpy arrays, with the note that its names are to be
 * matched by their ends. Equal tensors in equal order give equal bytes.
 * @param tensors by a ResNet's names
 * @throws UserError for bfloat16, which numpy does not have.
 */
export function encodeDetectron(tensors: ReadonlyMap<string, HostArray>): readonly Uint8Array[] {
  return pickled(tensors, detectronName, true);
}

/**
 * As `encodeDetectron`, of tensors by detectron2's own names, e.g. of a whole detector.
 * @param byEnds whether names are to be matched by their ends, or must be exact
 */
export function encodeModel(
  tensors: ReadonlyMap<string, HostArray>,
  byEnds: boolean,
): readonly Uint8Array[] {
  return pickled(tensors, (name) => name, byEnds);
}

function pickled(
  tensors: ReadonlyMap<string, HostArray>,
  nameOf: (own: string) => string,
  byEnds: boolean,
): readonly Uint8Array[] {
  const pickle = pickleWriter(3);
  pickle.op('}(').text('model').op('}(');
  for (const [name, array] of tensors) {
    pickle.text(nameOf(name));
    putArray(pickle, name, array);
  }
  pickle.op('u').text('__author__').text(AUTHOR);
  return pickle.text(HEURISTICS).bool(byEnds).op('u.').pieces;
}

function putArray(pickle: PickleWriter, name: string, { dtype, shape, data }: HostArray): void {
  const letters = LETTERS[dtype];
  if (letters === undefined)
    throw new UserError(
      `${name} is of ${dtype}, which numpy does not have; convert it to float32 first`,
    );
  pickle.global('numpy.core.multiarray', '_reconstruct').op('(').global('numpy', 'ndarray');
  pickle.tuple([0]).bytes(Buffer.from('b')).op('tR(').int(1).tuple(shape);
  pickle.global('numpy', 'dtype').op('(').text(letters).bool(false).bool(true).op('tR(').int(3);
  pickle
    .text(letters.endsWith('1') ? '|' : '<')
    .op('NNN')
    .int(-1)
    .int(-1)
    .int(0)
    .op('tb');
  pickle.bool(false).bytes(bytesOf(data)).op('tb');
}

/**
 * The arrays of a file for detectron2, under a ResNet's names; names that are none of its stay as they are.
 * @throws UserError naming the file and what is wrong with it: names outside the few allowed, arrays of other types.
 */
export function readDetectron(path: string): Map<string, HostArray> {
  const tensors = new Map<string, HostArray>();
  for (const [name, array] of readModel(path).tensors) {
    const own = DETECTOR.test(name) ? name : (resnetName(name) ?? name);
    if (tensors.has(own)) throw unreadable(path, new Error(`it has two arrays named ${own}`));
    tensors.set(own, array);
  }
  return tensors;
}

/** Parts of a whole detector, whose names are no backbone's. */
const DETECTOR = /^(backbone|roi_heads|proposal_generator)\./;

/** What a file for detectron2 holds. */
export interface DetectronFile {
  /** By the file's own names. */
  readonly tensors: ReadonlyMap<string, HostArray>;
  /** Whether its names are to be matched by their ends. */
  readonly byEnds: boolean;
}

/** As `readDetectron`, under the file's own names; and the names of what else is in the file. */
export function readModel(path: string): DetectronFile & { readonly others: readonly string[] } {
  const file = readBytes(path);
  try {
    const content = contentOfPickle(file);
    const { value } = content;
    const model = entryOf(value, 'model');
    if (!(model instanceof Map)) throw new Error('it has no `model`, a table of numpy arrays');
    let left = GROWTH * file.length + SPARE;
    const tensors = new Map<string, HostArray>();
    for (const [key, entry] of model) {
      const [name, held] = [textOf(key), heldIn(entry)];
      if (name === undefined || held === undefined)
        throw new Error(
          `\`model\` has an entry ${name ?? 'without a name'} that is no numpy array and no tensor`,
        );
      left -= bytesTaken(held);
      if (left < 0) throw new Error('its arrays are many times larger than the file');
      if (tensors.has(name)) throw new Error(`it has two arrays named ${name}`);
      tensors.set(name, hostArrayIn(name, held, content));
    }
    const known = ['model', '__author__', HEURISTICS];
    const others = keysOf(value).filter((name) => !known.includes(name));
    return { tensors, byEnds: entryOf(value, HEURISTICS) === true, others };
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function keysOf(value: unknown): readonly string[] {
  return value instanceof Map ? [...value.keys()].map((key) => textOf(key) ?? '(no text)') : [];
}

function unreadable(path: string, cause: unknown): UserError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new UserError(
    `${path} is no file of weights for detectron2: ${reason}; convert the weights again`,
    { cause },
  );
}
