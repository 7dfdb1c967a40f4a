import { closeSync, fstatSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import {
  canonicalJson,
  kindOfPath,
  openToRead,
  otherKind,
  reading,
  type Sha256,
  sha256,
  UserError,
  writeAtomic,
} from '../base/index.ts';
import {
  bytesOf,
  type DType,
  type HostArray,
  hostArray,
  itemBytes,
  sizeOf,
  typedView,
} from '../engine/array.ts';

/** A safetensors file in memory: named arrays (files hold PyTorch layout) and free-form text. */
export interface TensorFile {
  readonly tensors: ReadonlyMap<string, HostArray>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What a header says of one tensor; offsets are in bytes from the end of the header. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface TensorHeader {
  readonly tensors: readonly TensorInfo[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Bytes before the first tensor. */
  readonly dataStart: number;
  /** Whether this module would have written the same header, byte for byte. */
  readonly canonical: boolean;
}

const FORMAT_NAMES: Readonly<Record<DType, string>> = {
  float32: 'F32',
  float64: 'F64',
  int32: 'I32',
  int64: 'I64',
  uint8: 'U8',
  bool: 'BOOL',
  bfloat16: 'BF16',
  float16: 'F16',
};
const DTYPES = new Map(
  Object.entries(FORMAT_NAMES).map(([ours, theirs]) => [theirs, ours as DType]),
);
const METADATA = '__metadata__';
const MAX_HEADER = 100_000_000; // the limit of the format's own library
const READ_PIECE = 1 << 30; // one read call moves less than 2 GiB

const Entry = z.strictObject({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});

/**
 * The bytes of a file in pieces: header, then each tensor's memory, not copied. Equal content
 * gives equal bytes: header keys sorted, no time, data ordered by falling element size and then
 * name, so that every tensor is aligned and none is padded (the format allows no holes).
 */
export function* encodeSafetensors(file: TensorFile): Generator<Uint8Array> {
  if (file.tensors.has(METADATA))
    throw new Error(`safetensors: no tensor can be named ${METADATA}`);
  const ordered = dataOrder(file.tensors);
  yield encodeHeader(layOut(ordered), file.metadata);
  for (const [, array] of ordered) yield bytesOf(array.data);
}

/** Writes a file atomically; resolves to the SHA-256 of its bytes. */
export async function writeSafetensors(path: string, file: TensorFile): Promise<Sha256> {
  await writeAtomic(path, encodeSafetensors(file));
  return sha256(encodeSafetensors(file));
}

/**
 * Reads a file whole.
 * @param wanted reads only the tensors whose name passes; the header is always checked whole.
 * @throws UserError naming the file and what is wrong with it: too short, a header that is no JSON,
 *   a type that is not known, a shape that does not fit its bytes, overlaps, holes.
 */
export function readSafetensors(path: string, wanted = (_name: string) => true): TensorFile {
  return withFile(path, (file, size) => {
    const header = readHeaderOf(file, size, path);
    const tensors = new Map<string, HostArray>();
    for (const info of header.tensors) {
      if (wanted(info.name)) tensors.set(info.name, readTensor(file, info, header.dataStart, path));
    }
    return { tensors, metadata: header.metadata };
  });
}

/** Reads and checks the header alone: names, types, shapes, metadata. Throws as `readSafetensors`. */
export function readSafetensorsHeader(path: string): TensorHeader {
  return withFile(path, (file, size) => readHeaderOf(file, size, path));
}

/**
 * SHA-256 over what the tensors are, whatever file holds them: for each, in order of name, its
 * name, type, shape and bytes.
 */
export function hashTensors(tensors: ReadonlyMap<string, HostArray>): Sha256 {
  return sha256(hashPieces(tensors));
}

function* hashPieces(tensors: ReadonlyMap<string, HostArray>): Generator<string | Uint8Array> {
  for (const [name, { dtype, shape, data }] of [...tensors].sort(byName)) {
    yield `${canonicalJson([name, dtype, shape])}\n`;
    yield bytesOf(data);
  }
}

/** The pieces that `hashTensors` hashes, for hashing with another implementation. */
export const tensorPieces = hashPieces;

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

function dataOrder(tensors: ReadonlyMap<string, HostArray>): [string, HostArray][] {
  const width = ([, array]: [string, HostArray]) => itemBytes(array.dtype);
  return [...tensors].sort(byName).sort((a, b) => width(b) - width(a));
}

function layOut(ordered: readonly [string, HostArray][]): TensorInfo[] {
  let begin = 0;
  return ordered.map(([name, { dtype, shape, data }]) => {
    const info = { name, dtype, shape, begin, end: begin + data.byteLength };
    begin = info.end;
    return info;
  });
}

function encodeHeader(
  tensors: readonly TensorInfo[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const entries = tensors.map(({ name, dtype, shape, begin, end }) => [
    name,
    { dtype: FORMAT_NAMES[dtype], shape, data_offsets: [begin, end] },
  ]);
  const fields = Object.keys(metadata).length > 0 ? [[METADATA, metadata], ...entries] : entries;
  const json = Buffer.from(canonicalJson(Object.fromEntries(fields)));
  const header = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  header.writeBigUInt64LE(BigInt(header.length - 8));
  json.copy(header, 8);
  return header;
}

function withFile<T>(path: string, use: (file: number, size: number) => T): T {
  const file = opened(path);
  try {
    return reading(path, () => use(file, fstatSync(file).size));
  } finally {
    closeSync(file);
  }
}

function opened(path: string): number {
  const kind = kindOfPath(path); // before opening, as a pipe would be waited for
  if (kind === 'folder') throw new UserError(folderText(path));
  if (kind === 'other')
    throw new UserError(`${path} is a pipe or device; write it to a file first`);
  return openToRead(path);
}

function folderText(path: string): string {
  const names = readdirSync(path).filter((name) => name.endsWith('.safetensors'));
  const example = names.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).at(-1);
  const there = example === undefined ? '' : `, e.g. ${join(path, example)}`;
  return `${path} is a folder, expected a safetensors file; name a file in it${there}`;
}

function readHeaderOf(file: number, size: number, path: string): TensorHeader {
  const length = size < 8 ? 0n : Buffer.from(readBytes(file, 0, 8, path)).readBigUInt64LE();
  if (size < 10 || length < 2n || length > BigInt(Math.min(size - 8, MAX_HEADER))) {
    const what = `${size} bytes do not hold the header of ${length} bytes it announces`;
    throw otherKind(path, 'a safetensors file', ['safetensors']) ?? damaged(path, what);
  }
  const dataStart = 8 + Number(length);
  const raw = Buffer.from(readBytes(file, 0, dataStart, path));
  const { metadata, tensors } = parseHeader(raw.subarray(8), path);
  checkOffsets(tensors, size - dataStart, path);
  const canonical = raw.equals(encodeHeader(tensors, metadata));
  return { tensors, metadata, dataStart, canonical };
}

function parseHeader(text: Buffer, path: string) {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch {
    throw damaged(path, 'its header is not JSON');
  }
  const fields = z.record(z.string(), z.unknown()).safeParse(json);
  if (!fields.success) throw damaged(path, 'its header is not a JSON object');
  const { [METADATA]: notes = {}, ...rest } = fields.data;
  const metadata = z.record(z.string(), z.string()).safeParse(notes);
  if (!metadata.success) throw damaged(path, 'its metadata is not a table of strings');
  const tensors = Object.entries(rest).map(([name, entry]) => parseEntry(name, entry, path));
  return {
    metadata: metadata.data,
    tensors: tensors.sort((a, b) => a.begin - b.begin || a.end - b.end),
  };
}

function parseEntry(name: string, json: unknown, path: string): TensorInfo {
  const entry = Entry.safeParse(json);
  if (!entry.success) throw damaged(path, `tensor ${name}: ${z.prettifyError(entry.error)}`);
  const {
    shape,
    data_offsets: [begin, end],
  } = entry.data;
  const dtype = DTYPES.get(entry.data.dtype);
  if (dtype === undefined) {
    const known = [...DTYPES.keys()].join(', ');
    throw new UserError(
      `${path}: tensor ${name} has type ${entry.data.dtype}, which is not supported; ` +
        `write it as F32 or leave it out (supported are ${known})`,
    );
  }
  if (end - begin !== sizeOf(shape) * itemBytes(dtype)) {
    throw damaged(path, `tensor ${name} of shape [${shape}] does not fit ${end - begin} bytes`);
  }
  return { name, dtype, shape, begin, end };
}

function checkOffsets(tensors: readonly TensorInfo[], dataBytes: number, path: string): void {
  let at = 0;
  for (const { name, begin, end } of tensors) {
    if (begin !== at) throw damaged(path, `tensor ${name} starts at ${begin}, expected ${at}`);
    at = end;
  }
  if (at !== dataBytes) throw damaged(path, `it holds ${dataBytes} bytes of data, expected ${at}`);
}

function readTensor(file: number, info: TensorInfo, dataStart: number, path: string): HostArray {
  const { dtype, shape, begin, end } = info;
  const bytes = readBytes(file, dataStart + begin, end - begin, path);
  return hostArray(dtype, shape, typedView(dtype, bytes.buffer, 0, sizeOf(shape)));
}

// Only called for ranges that lie inside the file, which was checked before, so a hostile header
// cannot make this allocate more than the file has.
function readBytes(file: number, position: number, length: number, path: string): Uint8Array {
  const bytes = allocated(length, path);
  for (let done = 0; done < length; ) {
    const want = Math.min(READ_PIECE, length - done);
    const count = readSync(file, bytes, done, want, position + done);
    if (count === 0) throw damaged(path, 'it became shorter while it was read');
    done += count;
  }
  return bytes;
}

function allocated(length: number, path: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(new ArrayBuffer(length));
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new UserError(`${path}: ${length} bytes of one tensor do not fit into memory`, { cause });
  }
}

function damaged(path: string, what: string): UserError {
  return new UserError(`${path} is damaged or no safetensors file: ${what}; fetch it again`);
}
