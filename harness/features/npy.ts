import { type BigIntStats, closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { fileError, kindOfPath, otherKind, UserError } from '../base/index.ts';
import { float16Bits } from '../weights/widen.ts';
import {
  NPY_PREFIX,
  NpyFault,
  type NpyHeader,
  type NpyType,
  npyBytes,
  npyLength,
  npyStart,
  parseNpyHeader,
} from './npy_header.ts';

export { type NpyType, npyBytes, npyLength } from './npy_header.ts';
export { NpyWriter } from './npy_writer.ts';

/** Elements: float16 as the float32 of the same value, bool as uint8, all else as it is. */
export type NpyValues =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

/** An array in a file of NumPy's, which is read some rows at a time. */
export interface NpyFile {
  readonly dtype: NpyType;
  readonly shape: readonly number[];
  /** Entries along the first axis; 1 for a single number. */
  readonly count: number;
  /** Elements of one of them. */
  readonly width: number;
  /**
   * Rows `first` to `first + count - 1`, whichever index runs fastest in the file: [count, …], last index
   * fastest. No more is held than is asked for.
   * @throws UserError for a file that has changed since it was opened; RangeError for rows it has not.
   */
  rows(first: number, count: number): NpyValues;
}

/**
 * Opens a `.npy` file of versions 1.0 to 3.0, with elements of either byte order. The header is checked
 * against the file's size, so that a wrong one leads to no allocation.
 * @throws UserError naming the file and what is wrong with it: another kind, Python objects, records,
 *   too few bytes or too many.
 * @example
 * const features = openNpy('features/voc07_test_feat5.npy'); // shape [4952, 8192]
 * const some = features.rows(0, 100); // Float32Array
 */
export function openNpy(path: string): NpyFile {
  const { header, stats } = withFile(path, (file) => {
    const now = fstatSync(file, { bigint: true });
    return { header: headerOf(path, file, Number(now.size)), stats: now };
  });
  const { dtype, shape } = header;
  const [count = 1, ...rest] = shape;
  const width = npyLength(rest);
  return {
    dtype,
    shape,
    count,
    width,
    rows: (first, length) => {
      if (first < 0 || length < 0 || first + length > count)
        throw new RangeError(`${path}: rows ${first} to ${first + length - 1} of ${count}`);
      return withFile(path, (file) => {
        unchanged(path, stats, fstatSync(file, { bigint: true }));
        return valuesOf(rowBytes({ file, path }, header, first, length), header);
      });
    },
  };
}

/**
 * An array that is read whole, such as labels.
 * @param most bytes of elements that may be held
 * @throws UserError as `openNpy`, and for more bytes than that.
 */
export function readNpy(
  path: string,
  most = 2 ** 30,
): Pick<NpyFile, 'dtype' | 'shape'> & { readonly values: NpyValues } {
  const { dtype, shape, count, rows } = openNpy(path);
  const bytes = npyLength(shape) * npyBytes(dtype);
  if (bytes > most)
    throw new UserError(`${path} has ${bytes} bytes of elements, expected at most ${most}`);
  return { dtype, shape, values: rows(0, count) };
}

function withFile<T>(path: string, use: (file: number) => T): T {
  const kind = kindOfPath(path); // before opening, as a pipe would be waited for
  if (kind === 'folder' || kind === 'other')
    throw new UserError(
      `${path} is a ${kind === 'folder' ? kind : 'pipe or device'}, expected a file`,
    );
  try {
    const file = openSync(path, 'r');
    try {
      return use(file);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw fileError(path, cause);
  }
}

function headerOf(path: string, file: number, size: number): NpyHeader {
  try {
    const { from, to } = npyStart(piece({ file, path }, 0, Math.min(size, NPY_PREFIX)));
    if (to > size) throw new NpyFault('ends in its header');
    const text = Buffer.from(piece({ file, path }, from, to - from)).toString('utf8');
    const header = parseNpyHeader(text, to);
    const expected = npyLength(header.shape) * npyBytes(header.dtype);
    if (size - to !== expected)
      throw new NpyFault(
        `holds ${size - to} bytes of elements, but ${expected} are expected of shape ` +
          `[${header.shape}] and type ${header.dtype}; fetch or make it again`,
      );
    return header;
  } catch (cause) {
    if (!(cause instanceof NpyFault)) throw cause;
    const other = otherKind(path, 'a NumPy array (.npy)', ['npy']);
    throw other ?? new UserError(`${path} ${cause.message}`, { cause });
  }
}

function unchanged(path: string, then: BigIntStats, now: BigIntStats): void {
  if (then.size === now.size && then.mtimeNs === now.mtimeNs && then.ino === now.ino) return;
  throw new UserError(`${path} changed while it was read; let what writes it end, and start again`);
}

interface Opened {
  readonly file: number;
  readonly path: string;
}

// Ranges lie inside the file, which was checked, so that a wrong header leads to no large memory.
function piece({ file, path }: Opened, from: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const count = readSync(file, bytes, at, Math.min(length - at, READ), from + at);
    if (count === 0) throw new UserError(`${path} became shorter while it was read`);
    at += count;
  }
  return bytes;
}

const READ = 1 << 30; // one read call moves less than 2 GiB
const SPAN = 1 << 22; // bytes of an array by columns that are looked through at a time

function rowBytes(opened: Opened, header: NpyHeader, first: number, count: number): Uint8Array {
  const { shape, start, dtype, columns } = header;
  const item = npyBytes(dtype);
  const [rows = 1, ...rest] = shape;
  const width = npyLength(rest);
  if (!columns || rest.length === 0 || count === 0 || width === 0)
    return piece(opened, start + first * width * item, count * width * item);
  const places = rowOrder(rest);
  const out = new Uint8Array(count * width * item);
  // Short columns are read several at a time, long ones each alone and only where they are wanted.
  const together = Math.max(1, Math.floor(SPAN / (rows * item)));
  for (let column = 0; column < width; column += together) {
    const some = Math.min(together, width - column);
    const span = ((some - 1) * rows + count) * item;
    const from = piece(opened, start + (column * rows + first) * item, span);
    for (let c = 0; c < some; c++) {
      const place = places(column + c);
      for (let row = 0; row < count; row++) {
        const at = (c * rows + row) * item;
        const to = (row * width + place) * item;
        for (let byte = 0; byte < item; byte++) out[to + byte] = from[at + byte] ?? 0;
      }
    }
  }
  return out;
}

/** Where an element stands with the last index fastest, by where it stands with the first one. */
function rowOrder(shape: readonly number[]): (column: number) => number {
  return (column) => {
    let left = column;
    let place = 0;
    let step = npyLength(shape);
    for (const side of shape) {
      step /= side;
      place += (left % side) * step;
      left = Math.floor(left / side);
    }
    return place;
  };
}

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const;

function valuesOf(bytes: Uint8Array, { dtype, bigEndian }: NpyHeader): NpyValues {
  if (bigEndian) turn(bytes, npyBytes(dtype));
  if (dtype !== 'float16') return new ARRAYS[dtype](bytes.buffer as ArrayBuffer);
  const halves = new Uint16Array(bytes.buffer);
  return new Float32Array(Uint32Array.from(halves, float16Bits).buffer);
}

/** Turns the bytes of each element round. */
function turn(bytes: Uint8Array, item: number): void {
  for (let at = 0; at < bytes.length; at += item) bytes.subarray(at, at + item).reverse();
}
