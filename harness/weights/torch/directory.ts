import type { Bytes } from './file_bytes.ts';

/** What the directory of a zip archive says of one entry. */
export interface Entry {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  /** CRC-32 of the content. */
  readonly checksum: number;
  /** Bytes in the archive, and unpacked. */
  readonly packed: number;
  readonly size: number;
  /** Where the entry's own header begins. */
  readonly at: number;
}

export interface Directory {
  readonly entries: readonly Entry[];
  /** Where the directory begins, which is the end of the entries. */
  readonly begin: number;
}

const END = 0x06054b50;
const END_BYTES = 22;
const LOCATOR = 0x07064b50;
const LOCATOR_BYTES = 20;
const END64 = 0x06064b50;
const END64_BYTES = 56;
const CENTRAL = 0x02014b50;
const CENTRAL_BYTES = 46;
const LONGEST_COMMENT = 0xffff;
const SATURATED = 0xffffffff;
const ZIP64 = 1; // id of the extra field with sizes of 64 bits
const MOST_ENTRIES = 1 << 20;

/** Reads the directory of a zip archive. @throws Error that says what is wrong with it. */
export function directoryOf(file: Bytes): Directory {
  const end = endOf(file);
  const { count, bytes, begin } = end;
  if (begin + bytes > end.at || bytes < count * CENTRAL_BYTES || count > MOST_ENTRIES)
    throw new Error(`its directory of ${count} entries does not lie inside of it`);
  const raw = file.read(begin, bytes);
  const entries: Entry[] = [];
  let at = 0;
  while (at < bytes) {
    const { entry, length } = centralOf(raw.subarray(at));
    entries.push(entry);
    at += length;
  }
  if (entries.length !== count)
    throw new Error(`its directory has ${entries.length} entries, expected ${count}`);
  return { entries, begin };
}

/** The archive's last words: entries, bytes and begin of its directory, and where they stand. */
function endOf(file: Bytes) {
  const length = Math.min(file.size, END_BYTES + LONGEST_COMMENT);
  const tail = file.read(file.size - length, length);
  for (let i = length - END_BYTES; i >= 0; i--) {
    if (tail.readUInt32LE(i) !== END || i + END_BYTES + tail.readUInt16LE(i + 20) !== length)
      continue;
    const at = file.size - length + i;
    const end = {
      at,
      count: tail.readUInt16LE(i + 10),
      bytes: tail.readUInt32LE(i + 12),
      begin: tail.readUInt32LE(i + 16),
    };
    if (tail.readUInt16LE(i + 4) !== 0) throw new Error('it is one part of several');
    const large = end.count === 0xffff || end.bytes === SATURATED || end.begin === SATURATED;
    return large ? (end64Of(file, at) ?? end) : end;
  }
  throw new Error('it is a zip archive without an end: it is cut short');
}

function end64Of(file: Bytes, end: number) {
  if (end < LOCATOR_BYTES) return undefined;
  const locator = file.read(end - LOCATOR_BYTES, LOCATOR_BYTES);
  if (locator.readUInt32LE(0) !== LOCATOR) return undefined;
  const at = whole(locator, 8);
  if (at + END64_BYTES > end) throw new Error('its zip64 end lies beyond its end');
  const record = file.read(at, END64_BYTES);
  if (record.readUInt32LE(0) !== END64) throw new Error('its zip64 end is not where it should be');
  return { at, count: whole(record, 32), bytes: whole(record, 40), begin: whole(record, 48) };
}

function centralOf(raw: Buffer): { readonly entry: Entry; readonly length: number } {
  if (raw.length < CENTRAL_BYTES || raw.readUInt32LE(0) !== CENTRAL)
    throw new Error('its directory is damaged');
  const [nameBytes, extraBytes] = [raw.readUInt16LE(28), raw.readUInt16LE(30)];
  const length = CENTRAL_BYTES + nameBytes + extraBytes + raw.readUInt16LE(32);
  if (length > raw.length) throw new Error('its directory is damaged');
  const extra = raw.subarray(CENTRAL_BYTES + nameBytes, CENTRAL_BYTES + nameBytes + extraBytes);
  const sizes = [raw.readUInt32LE(24), raw.readUInt32LE(20), raw.readUInt32LE(42)];
  const [size = 0, packed = 0, at = 0] = widened(sizes, extra);
  const entry = {
    name: raw.toString('utf8', CENTRAL_BYTES, CENTRAL_BYTES + nameBytes),
    flags: raw.readUInt16LE(8),
    method: raw.readUInt16LE(10),
    checksum: raw.readUInt32LE(16),
    ...{ packed, size, at },
  };
  return { entry, length };
}

/** Numbers that do not fit their 32 bits stand in an extra field, one after the other. */
function widened(values: readonly number[], extra: Buffer): number[] {
  if (!values.includes(SATURATED)) return [...values];
  const field = zip64Field(extra);
  let at = 0;
  return values.map((value) => {
    if (value !== SATURATED) return value;
    if (at + 8 > field.length) throw new Error('an entry of it has no size');
    at += 8;
    return whole(field, at - 8);
  });
}

function zip64Field(extra: Buffer): Buffer {
  for (let at = 0; at + 4 <= extra.length; ) {
    const [id, length] = [extra.readUInt16LE(at), extra.readUInt16LE(at + 2)];
    if (id === ZIP64) return extra.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
  return extra.subarray(0, 0);
}

function whole(bytes: Buffer, at: number): number {
  const value = bytes.readBigUInt64LE(at);
  if (value > Number.MAX_SAFE_INTEGER) throw new Error(`it announces ${value} bytes`);
  return Number(value);
}
