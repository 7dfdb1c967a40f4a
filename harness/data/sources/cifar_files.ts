import { openSync, readFileSync, readSync } from 'node:fs';
import { UserError } from '../../base/errors.ts';
import { entryOf, type PickledArray, readPickle } from './pickle.ts';

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
  const bytes = readFileSync(path);
  if (bytes.length === 0 || bytes.length % length !== 0) {
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

/** A file of the Python format, whatever the pickle's protocol. */
export function picklePart(path: string, labelKey: string, classes: number): Part {
  const file = readFileSync(path);
  const { data, list, longest } = unpickled(path, file, labelKey);
  const count = data.shape[0] ?? 0;
  if (list.length !== count)
    throw new UserError(`${path}: ${list.length} labels for ${count} images; expected one each`);
  list.forEach((label, record) => {
    if (!Number.isInteger(label) || Number(label) < 0 || Number(label) > 255)
      throw new UserError(`${path}: label ${label} of record ${record} is no whole number to 255`);
  });
  const labels = Uint8Array.from(list, Number);
  checkLabels(path, labels, classes);
  // Where the array lies in the file as it is, as in the official ones, it need not stay in memory.
  const inFile = longest !== undefined && longest.length === data.bytes.length && !data.fortran;
  if (inFile && Buffer.compare(data.bytes, slice(file, longest)) === 0)
    return { path, labels, planes: fromFile(path, longest.offset, PLANES) };
  return { path, labels, planes: fromArray(data, count) };
}

function unpickled(path: string, file: Uint8Array, labelKey: string) {
  try {
    const { value, longest } = readPickle(file);
    const data = entryOf(value, 'data');
    const list: unknown = entryOf(value, labelKey);
    if (!isImages(data)) throw new Error('`data` is no uint8 array of shape [count, 3072]');
    if (!Array.isArray(list)) throw new Error(`\`${labelKey}\` is no list`);
    return { data, list: list as readonly unknown[], longest };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserError(
      `${path} is no CIFAR file of the Python format: ${reason}; copy or unpack it again`,
      { cause },
    );
  }
}

function isImages(data: unknown): data is PickledArray {
  if (typeof data !== 'object' || data === null || !('kind' in data)) return false;
  const { kind, shape, dtype, bytes } = data as PickledArray;
  const [count, width] = shape;
  const fits = shape.length === 2 && width === PLANES && bytes.length === (count ?? 0) * PLANES;
  return kind === 'array' && dtype === 'u1' && fits && bytes.length > 0;
}

function slice(file: Uint8Array, { offset, length }: { offset: number; length: number }) {
  return file.subarray(offset, offset + length);
}

function checkLabels(path: string, labels: Uint8Array, classes: number): void {
  const record = labels.findIndex((label) => label >= classes);
  if (record < 0) return;
  throw new UserError(
    `${path}: label ${labels[record]} of record ${record} is out of range, expected 0 to ${classes - 1}; the file is damaged or of another set`,
  );
}

function fromFile(path: string, start: number, stride: number): (record: number) => Uint8Array {
  const file = openSync(path, 'r'); // for as long as the source lives; closed with its thread
  const planes = new Uint8Array(PLANES);
  return (record) => {
    const count = readSync(file, planes, 0, PLANES, start + record * stride);
    if (count === PLANES) return planes;
    throw new UserError(`${path}: record ${record} ends early; the file was cut while in use`);
  };
}

function fromArray({ bytes, fortran }: PickledArray, count: number): Part['planes'] {
  if (!fortran) return (record) => bytes.subarray(record * PLANES, (record + 1) * PLANES);
  const planes = new Uint8Array(PLANES);
  return (record) => {
    for (let i = 0; i < PLANES; i++) planes[i] = bytes[i * count + record] ?? 0;
    return planes;
  };
}
