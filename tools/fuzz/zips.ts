import { crc32, deflateRawSync } from 'node:zlib';
import { numberBytes, type PieceFormat, type Pieces } from './pieces.ts';

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

type WrittenField = 'flags' | 'method' | 'checksum' | 'packed' | 'size' | 'at';

export interface WrittenOptions {
  /** Sizes and places of 64 bits, in extra fields. */
  readonly zip64?: boolean;
  readonly comment?: string;
  /** In place of the number of entries. */
  readonly count?: number;
}

const SATURATED = 2 ** 32 - 1;
const of16 = (...values: readonly number[]) =>
  Buffer.concat(values.map((value) => numberBytes(value, 2, true)));
const of32 = (...values: readonly number[]) =>
  Buffer.concat(values.map((value) => numberBytes(value, 4, true)));
const of64 = (...values: readonly number[]) =>
  Buffer.concat(values.map((value) => numberBytes(value, 8, true)));

/** A zip archive in the pieces of its format: headers, contents, directory, end. */
export function zipParts(
  entries: readonly WrittenEntry[],
  { zip64 = false, comment = '', count = entries.length }: WrittenOptions = {},
): Buffer[] {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  const put = (part: Buffer) => {
    parts.push(part);
    at += part.length;
  };
  for (const { name, content, deflated = false, wrong = {}, inner = name } of entries) {
    const raw = deflated ? deflateRawSync(content) : Buffer.from(content);
    const right = {
      ...{ flags: 0, method: deflated ? 8 : 0, checksum: crc32(content) },
      ...{ packed: raw.length, size: content.length, at },
    };
    const { flags, method, checksum, packed, size, at: place } = { ...right, ...wrong };
    const common = [of16(flags, method, 0, 0x21), of32(checksum)];
    put(
      Buffer.concat([
        ...[of32(0x04034b50), of16(20), ...common, of32(packed, size)],
        ...[of16(Buffer.byteLength(inner), 0), Buffer.from(inner)],
      ]),
    );
    put(raw);
    const extra = zip64 ? Buffer.concat([of16(1, 24), of64(size, packed, place)]) : Buffer.alloc(0);
    const sizes = zip64 ? [SATURATED, SATURATED] : [packed, size];
    central.push(
      Buffer.concat([
        ...[of32(0x02014b50), of16(20, 20), ...common, of32(...sizes)],
        ...[of16(Buffer.byteLength(name), extra.length, 0, 0, 0), of32(0)],
        ...[of32(zip64 ? SATURATED : place), Buffer.from(name), extra],
      ]),
    );
  }
  const begin = at;
  for (const part of central) put(part);
  const bytes = at - begin;
  if (zip64) {
    const end = at;
    put(
      Buffer.concat([
        of32(0x06064b50),
        of64(44),
        of16(45, 45),
        of32(0, 0),
        of64(count, count, bytes, begin),
      ]),
    );
    put(Buffer.concat([of32(0x07064b50, 0), of64(end), of32(1)]));
  }
  const short = zip64
    ? { count: 0xffff, bytes: SATURATED, begin: SATURATED }
    : { count, bytes, begin };
  put(
    Buffer.concat([
      ...[of32(0x06054b50), of16(0, 0, short.count, short.count), of32(short.bytes, short.begin)],
      ...[of16(comment.length), Buffer.from(comment)],
    ]),
  );
  return parts;
}

export function zipBytes(entries: readonly WrittenEntry[], options?: WrittenOptions): Buffer {
  return Buffer.concat(zipParts(entries, options));
}

/**
 * Entries of an archive as pieces: a letter's count, the name, whether deflated, the content. Where not honest, every
 * third entry has a number that is wrong.
 */
export const zipEntries: Omit<PieceFormat, 'seeds'> & {
  split(entries: readonly WrittenEntry[]): Pieces;
} = {
  split: (entries) =>
    entries.map(({ name, content, deflated = false }) =>
      Buffer.concat([Uint8Array.of(name.length, deflated ? 1 : 0), Buffer.from(name), content]),
    ),
  join: (pieces, honest) => {
    const entries = pieces.map((piece, i): WrittenEntry => {
      const [length = 0, deflated = 0] = piece;
      const name = Buffer.from(piece.subarray(2, 2 + length)).toString('latin1');
      const content = piece.subarray(2 + length);
      const entry = { name, content, deflated: deflated % 2 === 1 };
      return honest || i % 3 > 0
        ? entry
        : { ...entry, wrong: WRONG[content.length % WRONG.length] ?? {} };
    });
    return zipBytes(entries, { zip64: pieces.length % 2 === 1 });
  },
};

const WRONG: readonly Partial<Record<WrittenField, number>>[] = [
  ...[
    { checksum: 1 },
    { size: 0 },
    { size: 2 ** 31 },
    { packed: 2 ** 40 },
    { at: 0 },
    { at: 2 ** 33 },
  ],
  ...[{ method: 8 }, { method: 14 }, { flags: 1 }, { flags: 8 }, { packed: 0 }, { at: 30 }],
];
