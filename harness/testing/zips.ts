import { crc32, deflateRawSync } from 'node:zlib';

/** An entry of an archive that is to be written, right or wrong. */
export interface WrittenEntry {
  readonly name: string;
  readonly content: Uint8Array;
  readonly deflated?: boolean;
  /** In place of what is right. */
  readonly wrong?: Partial<Record<WrittenField, number>>;
  /** The name that the entry's own header has. */
  readonly inner?: string;
}

export type WrittenField = 'flags' | 'method' | 'checksum' | 'packed' | 'size' | 'at';

export interface WrittenOptions {
  /** Sizes and places of 64 bits, in extra fields. */
  readonly zip64?: boolean;
  readonly comment?: string;
  /** In place of the number of entries. */
  readonly count?: number;
}

const SATURATED = 2 ** 32 - 1;
/** The lowest bytes of a number, lowest first. */
function numberBytes(value: number, width: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes.subarray(0, width);
}

const of16 = (...values: readonly number[]) =>
  Buffer.concat(values.map((value) => numberBytes(value, 2)));
const of32 = (...values: readonly number[]) =>
  Buffer.concat(values.map((value) => numberBytes(value, 4)));
const of64 = (...values: readonly number[]) =>
  Buffer.concat(values.map((value) => numberBytes(value, 8)));

/** A zip archive in the pieces of its format: headers, contents, directory, end. */
export function zipParts(
  entries: readonly WrittenEntry[],
  options: WrittenOptions = {},
): readonly Buffer[] {
  const { zip64 = false, comment = '', count = entries.length } = options;
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const entry of entries) {
    const made = entryParts(entry, at, zip64);
    parts.push(made.header, made.raw);
    central.push(made.central);
    at += made.header.length + made.raw.length;
  }
  const bytes = central.reduce((sum, part) => sum + part.length, 0);
  return [...parts, ...central, ...endParts({ count, bytes, begin: at }, zip64, comment)];
}

function entryParts(entry: WrittenEntry, begin: number, zip64: boolean) {
  const { name, content, deflated = false, wrong = {}, inner = name } = entry;
  const raw = deflated ? deflateRawSync(content) : Buffer.from(content);
  const right = {
    ...{ flags: 0, method: deflated ? 8 : 0, checksum: crc32(content) },
    ...{ packed: raw.length, size: content.length, at: begin },
  };
  const { flags, method, checksum, packed, size, at } = { ...right, ...wrong };
  const common = [of16(flags, method, 0, 0x21), of32(checksum)];
  const header = Buffer.concat([
    ...[of32(0x04034b50), of16(20), ...common, of32(packed, size)],
    ...[of16(Buffer.byteLength(inner), 0), Buffer.from(inner)],
  ]);
  const extra = zip64 ? Buffer.concat([of16(1, 24), of64(size, packed, at)]) : Buffer.alloc(0);
  const [short, long, place] = zip64 ? [SATURATED, SATURATED, SATURATED] : [packed, size, at];
  const central = Buffer.concat([
    ...[of32(0x02014b50), of16(20, 20), ...common, of32(short, long)],
    ...[of16(Buffer.byteLength(name), extra.length, 0, 0, 0), of32(0, place)],
    ...[Buffer.from(name), extra],
  ]);
  return { header, raw, central };
}

interface Ending {
  readonly count: number;
  readonly bytes: number;
  readonly begin: number;
}

function endParts({ count, bytes, begin }: Ending, zip64: boolean, comment: string): Buffer[] {
  const end64 = [
    Buffer.concat([
      ...[of32(0x06064b50), of64(44), of16(45, 45), of32(0, 0)],
      of64(count, count, bytes, begin),
    ]),
    Buffer.concat([of32(0x07064b50, 0), of64(begin + bytes), of32(1)]),
  ];
  const [entries, ...places] = zip64 ? [0xffff, SATURATED, SATURATED] : [count, bytes, begin];
  const end = Buffer.concat([
    ...[of32(0x06054b50), of16(0, 0, entries, entries), of32(...places)],
    ...[of16(comment.length), Buffer.from(comment)],
  ]);
  return zip64 ? [...end64, end] : [end];
}

export function zipBytes(entries: readonly WrittenEntry[], options?: WrittenOptions): Buffer {
  return Buffer.concat(zipParts(entries, options));
}
