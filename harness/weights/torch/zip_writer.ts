import { crc32 } from 'node:zlib';

/** A file of an archive: its content in pieces, which stay as they are. */
export interface ZipEntry {
  readonly name: string;
  readonly pieces: readonly Uint8Array[];
}

interface Placed extends ZipEntry {
  readonly size: number;
  readonly checksum: number;
  readonly at: number;
  readonly padding: number;
}

const DATE = 0x0021; // 1 January 1980, the first that a zip archive knows
const ALIGNED = 64; // as PyTorch does, so that a file can be mapped into memory
const HEADER_BYTES = 30;
const EXTRA_BYTES = 4;
const PADDING = 0x4246; // "FB", the extra field that PyTorch pads with
const VERSION = 20; // of the format, 2.0
const UTF8 = 1 << 11;
const LARGEST = 2 ** 32 - 1;

/**
 * A zip archive in pieces: entries stored as they are, each content at a multiple of 64 bytes, no time in it, so that
 * equal entries give equal bytes.
 * @throws Error for one beyond the 4 GiB of a plain zip archive.
 */
export function* zipPieces(entries: readonly ZipEntry[]): Generator<Uint8Array> {
  const placed = laidOut(entries);
  for (const entry of placed) {
    yield localHeader(entry);
    yield* entry.pieces;
  }
  const central = placed.map(centralHeader);
  yield* central;
  yield endOf(placed, central);
}

function laidOut(entries: readonly ZipEntry[]): Placed[] {
  let at = 0;
  return entries.map((entry) => {
    const size = entry.pieces.reduce((sum, piece) => sum + piece.length, 0);
    const checksum = entry.pieces.reduce((sum, piece) => crc32(piece, sum), 0);
    const bare = at + HEADER_BYTES + Buffer.byteLength(entry.name) + EXTRA_BYTES;
    const padding = (ALIGNED - (bare % ALIGNED)) % ALIGNED;
    const placed = { ...entry, size, checksum, at, padding };
    at = bare + padding + size;
    if (at > LARGEST)
      throw new Error(`zip: ${at} bytes do not fit an archive; expected at most ${LARGEST}`);
    return placed;
  });
}

function localHeader({ name, size, checksum, padding }: Placed): Uint8Array {
  const letters = Buffer.from(name);
  const header = Buffer.alloc(HEADER_BYTES + letters.length + EXTRA_BYTES + padding);
  header.writeUInt32LE(0x04034b50, 0);
  common(header, 4, { size, checksum, letters, extra: EXTRA_BYTES + padding });
  letters.copy(header, HEADER_BYTES);
  header.writeUInt16LE(PADDING, HEADER_BYTES + letters.length);
  header.writeUInt16LE(padding, HEADER_BYTES + letters.length + 2);
  header.fill('Z', header.length - padding);
  return header;
}

function centralHeader({ name, size, checksum, at }: Placed): Uint8Array {
  const letters = Buffer.from(name);
  const header = Buffer.alloc(46 + letters.length);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(VERSION, 4);
  common(header, 6, { size, checksum, letters, extra: 0 });
  header.writeUInt32LE(at, 42);
  letters.copy(header, 46);
  return header;
}

interface Common {
  readonly size: number;
  readonly checksum: number;
  readonly letters: Buffer;
  readonly extra: number;
}

/** The fields that both headers have from the version on: flags, method, time, date, checksum, sizes, lengths. */
function common(header: Buffer, at: number, { size, checksum, letters, extra }: Common): void {
  header.writeUInt16LE(VERSION, at);
  header.writeUInt16LE(UTF8, at + 2);
  header.writeUInt16LE(DATE, at + 8);
  header.writeUInt32LE(checksum, at + 10);
  header.writeUInt32LE(size, at + 14);
  header.writeUInt32LE(size, at + 18);
  header.writeUInt16LE(letters.length, at + 22);
  header.writeUInt16LE(extra, at + 24);
}

function endOf(placed: readonly Placed[], central: readonly Uint8Array[]): Uint8Array {
  const last = placed.at(-1);
  const begin = last === undefined ? 0 : last.at + localHeader(last).length + last.size;
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(placed.length, 8);
  end.writeUInt16LE(placed.length, 10);
  end.writeUInt32LE(
    central.reduce((sum, header) => sum + header.length, 0),
    12,
  );
  end.writeUInt32LE(begin, 16);
  return end;
}
