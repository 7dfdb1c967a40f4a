import { readBytes, UserError } from '../base/index.ts';
import { type PickledArray, placesOf, sizeOf, stridesOf } from '../data/pickle/numpy_array.ts';
import { arrayOf } from '../data/pickle/numpy_names.ts';
import { entryOf, readPickle, textOf } from '../data/pickle/plain.ts';
import { type PickleWriter, pickleWriter } from '../data/pickle/writer.ts';
import { bytesOf, type DType, type HostArray, hostArray, typedView } from '../engine/array.ts';

/** Kind and bytes of an element as numpy names them; bfloat16 has no name there. */
const LETTERS: Readonly<Partial<Record<DType, string>>> = {
  float32: 'f4',
  float64: 'f8',
  float16: 'f2',
  int64: 'i8',
  int32: 'i4',
  uint8: 'u1',
  bool: 'b1',
};
const DTYPES = new Map(
  Object.entries(LETTERS).map(([dtype, letters]) => [letters, dtype as DType]),
);
const AUTHOR = 'OpenSelfSup'; // what the original writes, and detectron2 prints
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
  return pickle.text('matching_heuristics').bool(byEnds).op('u.').pieces;
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

/** As `readDetectron`, under the file's own names. */
export function readModel(path: string): DetectronFile {
  const file = readBytes(path);
  try {
    const { value } = readPickle(file);
    const model = entryOf(value, 'model');
    if (!(model instanceof Map)) throw new Error('it has no `model`, a table of numpy arrays');
    let left = GROWTH * file.length + SPARE;
    const tensors = new Map<string, HostArray>();
    for (const [key, entry] of model) {
      const [name, array] = [textOf(key), arrayOf(entry)];
      if (name === undefined || array === undefined)
        throw new Error(
          `\`model\` has an entry ${name ?? 'without a name'} that is no numpy array`,
        );
      left -= 8 * sizeOf(array);
      if (left < 0) throw new Error('its arrays are many times larger than the file');
      if (tensors.has(name)) throw new Error(`it has two arrays named ${name}`);
      tensors.set(name, hostArrayOf(name, array));
    }
    return { tensors, byEnds: entryOf(value, 'matching_heuristics') === true };
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): UserError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new UserError(
    `${path} is no file of weights for detectron2: ${reason}; convert the weights again`,
    { cause },
  );
}

function hostArrayOf(name: string, array: PickledArray): HostArray {
  const dtype = DTYPES.get(array.dtype);
  if (dtype === undefined || array.bigEndian)
    throw new Error(
      `${name} is of numpy's type ${array.bigEndian ? '>' : ''}${array.dtype}, which is not read`,
    );
  const size = Number(array.dtype.slice(1));
  const bytes = inRows(array, size);
  return hostArray(dtype, array.shape, typedView(dtype, bytes.buffer, 0, sizeOf(array)));
}

/** An array's bytes in the order of rows, in memory of their own. */
function inRows(array: PickledArray, size: number): Uint8Array<ArrayBuffer> {
  const dense = String(array.strides) === String(stridesOf(array.shape, false));
  if (dense) return new Uint8Array(array.bytes);
  const bytes = new Uint8Array(sizeOf(array) * size);
  let at = 0;
  for (const place of placesOf(array)) {
    bytes.set(array.bytes.subarray(place * size, (place + 1) * size), at);
    at += size;
  }
  return bytes;
}
