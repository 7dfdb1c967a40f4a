import { readSync } from 'node:fs';
import { UserError } from '../../base/errors.ts';
import { openToRead, readBytes } from '../../base/file_error.ts';
import { type FileKind, fileKindAt } from '../../base/file_kind.ts';
import {
  type PickledArray,
  placesOf,
  sizeOf,
  stridesOf,
  typeName,
  valuesOf,
} from '../pickle/numpy_array.ts';
import { arrayOf } from '../pickle/numpy_names.ts';
import { entryOf, readPickle } from '../pickle/plain.ts';

/** Pixels a side, and bytes of one image: a red, a green and a blue plane. */
export const SIDE = 32;
export const PLANES = 3 * SIDE * SIDE;

/** One file of a CIFAR set. */
export interface Part {
  readonly path: string;
  readonly labels: Uint8Array;
  /** The planes of a record, [3, 32, 32]; valid until the next call. */
  planes(record: number): Uint8Array;
}

/**
 * A file of the binary format: records of some label bytes, the last of which counts, and planes.
 * Pixels stay in the file, which costs no memory in any number of worker threads.
 */
export function binaryPart(path: string, labelBytes: number, classes: number): Part {
  const length = labelBytes + PLANES;
  const bytes = readBytes(path);
  const known = fileKindAt(path);
  if (known?.kind === 'zeros' && bytes.every((byte) => byte === 0)) throw stranger(path, known);
  if (bytes.length === 0 || bytes.length % length !== 0) {
    if (known !== undefined && bytes.length > 0) throw stranger(path, known);
    throw new UserError(
      `${path}: ${bytes.length} bytes is no multiple of a record's ${length}; the file is cut off or no CIFAR file, so copy or unpack it again`,
    );
  }
  const labels = Uint8Array.from(
    { length: bytes.length / length },
    (_, record) => bytes[record * length + labelBytes - 1] ?? 0,
  );
  checkLabels(path, labels, classes);
  return { path, labels, planes: fromFile(path, labelBytes, length) };
}

/**
 * A file of the Python format, whatever the pickle's protocol, and however its labels and pixels are
 * held: as the official ones, or as people make them again.
 */
export function picklePart(path: string, labelKey: string, classes: number): Part {
  const file = readBytes(path);
  const { data, list, longest } = unpickled(path, file, labelKey);
  const count = data.shape[0] ?? 0;
  if (list.length !== count)
    throw new UserError(`${path}: ${list.length} labels for ${count} images; expected one each`);
  checkLabels(path, list, classes);
  const labels = Uint8Array.from(list, Number);
  // Where the pixels lie in the file as they are, as in the official ones, they need not stay in memory.
  const inFile = longest !== undefined && longest.length === data.bytes.length;
  const places = placesIn(data);
  if (inFile && places === undefined && Buffer.compare(data.bytes, slice(file, longest)) === 0)
    return { path, labels, planes: fromFile(path, longest.offset, PLANES) };
  return { path, labels, planes: fromArray(data, places) };
}

function unpickled(path: string, file: Uint8Array, labelKey: string) {
  try {
    const { value, longest } = readPickle(file);
    if (!(value instanceof Map)) throw new Error('it holds no dictionary');
    return { data: pixelsOf(entryOf(value, 'data')), list: labelsOf(value, labelKey), longest };
  } catch (cause) {
    throw notCifar(path, 'is no CIFAR file of the Python format', cause);
  }
}

/** Why a file is no pickle of CIFAR's: what it is instead, where that is known, or what is wrong with it. */
export function notCifar(path: string, what: string, cause: unknown): UserError {
  const known = fileKindAt(path);
  if (known !== undefined && !PICKLES.includes(known.kind)) return stranger(path, known, cause);
  const reason = cause instanceof Error ? cause.message : String(cause);
  const mend = reason.includes(';') ? '' : '; copy or unpack it again';
  return new UserError(`${path} ${what}: ${reason}${mend}`, { cause });
}

const PICKLES: readonly string[] = ['pickle', 'empty'];

/** What lies where a CIFAR file is expected. */
export function stranger(path: string, { name, mend }: FileKind, cause?: unknown): UserError {
  const way = mend ?? 'put the official file in its place';
  return new UserError(`${path} is ${name}, expected a CIFAR file; ${way}`, { cause });
}

const LAYOUTS = `[count, ${PLANES}], [count, 3, ${SIDE}, ${SIDE}] or [count, ${SIDE}, ${SIDE}, 3]`;
const SHAPES = [`${PLANES}`, `3,${SIDE},${SIDE}`, `${SIDE},${SIDE},3`];

/** The pixels of all images, [count, …]: planes, or pictures with their channels last. */
function pixelsOf(data: unknown): PickledArray {
  const array = arrayOf(data) ?? stacked(data);
  if (data === undefined) throw new Error('it has no `data`');
  if (array === undefined) throw new Error(`\`data\` is no array; save it as uint8 of ${LAYOUTS}`);
  const { dtype, shape } = array;
  const found = `\`data\` is an array of ${typeName(dtype)}, shape [${shape.join(', ')}]`;
  const expected = `expected uint8 of ${LAYOUTS}; save it so`;
  if (dtype !== 'u1' || sizeOf(array) === 0) throw new Error(`${found}, ${expected}`);
  if (!SHAPES.includes(shape.slice(1).join())) throw new Error(`${found}, ${expected}`);
  return array;
}

/** A list of arrays of one shape, as one. */
function stacked(data: unknown): PickledArray | undefined {
  if (!Array.isArray(data)) return undefined;
  const arrays = data.flatMap((one) => arrayOf(one) ?? []);
  const [first] = arrays;
  const alike = ({ dtype, shape }: PickledArray) =>
    dtype === first?.dtype && shape.join() === first.shape.join();
  if (first?.dtype !== 'u1' || arrays.length !== data.length || !arrays.every(alike))
    return undefined;
  const shape = [data.length, ...first.shape];
  const bytes = Buffer.concat(
    arrays.map((array) => Uint8Array.from(placesOf(array), (at) => array.bytes[at] ?? 0)),
  );
  return { ...first, shape, strides: stridesOf(shape, false), bytes };
}

/** Labels as they are held: a list, or an array of one axis, perhaps as a column or row. */
function labelsOf(value: unknown, key: string): readonly unknown[] {
  const held = entryOf(value, key);
  const array = arrayOf(held);
  if (array === undefined) {
    if (held === undefined) throw new Error(`it has no \`${key}\``);
    if (!Array.isArray(held)) throw new Error(`\`${key}\` is no list and no array`);
    return held.map(alone);
  }
  const long = array.shape.filter((side) => side !== 1).length;
  if (long <= 1 && array.shape.length > 0) return valuesOf(array).map(alone);
  throw new Error(
    `\`${key}\` is an array of shape [${array.shape.join(', ')}], expected one class number an image; save it so`,
  );
}

/** The only element of an array, or what is no array. */
function alone(value: unknown): unknown {
  const array = arrayOf(value);
  return array !== undefined && sizeOf(array) === 1 ? valuesOf(array)[0] : value;
}

function slice(file: Uint8Array, { offset, length }: { offset: number; length: number }) {
  return file.subarray(offset, offset + length);
}

function checkLabels(path: string, labels: ArrayLike<unknown>, classes: number): void {
  for (let record = 0; record < labels.length; record++) {
    const label = labels[record];
    const where = `${path}: label ${typeof label === 'number' ? label : shown(label)} of record ${record}`;
    if (typeof label !== 'number' || !Number.isInteger(label))
      throw new UserError(`${where} is no whole number; expected 0 to ${classes - 1}`);
    if (label < 0 || label >= classes)
      throw new UserError(
        `${where} is out of range, expected 0 to ${classes - 1}; the file is damaged or of another set`,
      );
  }
}

function shown(label: unknown): string {
  return typeof label === 'object' && label !== null ? 'of another kind' : JSON.stringify(label);
}

function fromFile(path: string, start: number, stride: number): (record: number) => Uint8Array {
  const file = openToRead(path); // for as long as the source lives; closed with its thread
  const planes = new Uint8Array(PLANES);
  return (record) => {
    const count = readSync(file, planes, 0, PLANES, start + record * stride);
    if (count === PLANES) return planes;
    throw new UserError(`${path}: record ${record} ends early; the file was cut while in use`);
  };
}

/** Places of a record's planes from its first byte on; undefined where the array lies in their order. */
function placesIn({ shape, strides }: PickledArray): Int32Array | undefined {
  const inner = { shape: shape.slice(1), strides: strides.slice(1) };
  const last = shape.at(-1) === 3; // channels
  const places = placesOf(
    last ? { shape: moved(inner.shape), strides: moved(inner.strides) } : inner,
  );
  const plain = strides[0] === PLANES && places.every((place, i) => place === i);
  return plain ? undefined : places;
}

/** The last axis becomes the first. */
function moved(axes: readonly number[]): readonly number[] {
  return [...axes.slice(-1), ...axes.slice(0, -1)];
}

function fromArray({ bytes, strides }: PickledArray, places: Int32Array | undefined) {
  if (places === undefined)
    return (record: number) => bytes.subarray(record * PLANES, (record + 1) * PLANES);
  const planes = new Uint8Array(PLANES);
  const stride = strides[0] ?? 0;
  return (record: number) => {
    for (let i = 0; i < PLANES; i++) planes[i] = bytes[record * stride + (places[i] ?? 0)] ?? 0;
    return planes;
  };
}
