import { crc32, inflateRawSync } from 'node:zlib';
import { directoryOf, type Entry } from './directory.ts';
import type { Bytes } from './file_bytes.ts';

/** The entries of a zip archive by name. */
export interface Archive {
  readonly names: readonly string[];
  /** The content of an entry, its checksum compared; undefined where there is none of that name. */
  read(name: string): Uint8Array | undefined;
}

const LOCAL = 0x04034b50;
const LOCAL_BYTES = 30;
const STORED = 0;
const DEFLATED = 8;
const ENCRYPTED = 1 | (1 << 6) | (1 << 13); // encrypted, strongly, or with a masked directory

/**
 * Opens a zip archive, plain or zip64, of stored and deflated entries. Its directory is checked whole before any entry
 * is read: entries lie one behind the other inside the file, none twice, none beneath another.
 * @param most bytes that all entries together may unpack to
 * @throws Error that says what is wrong; the caller knows the file's name.
 */
export function openArchive(file: Bytes, most: number): Archive {
  const { entries, begin } = directoryOf(file);
  const byName = new Map<string, Entry>();
  let total = 0;
  for (const entry of entries) {
    if (byName.has(entry.name)) throw new Error(`it has two entries named ${entry.name}`);
    if ((entry.flags & ENCRYPTED) !== 0) throw new Error(`its entry ${entry.name} is encrypted`);
    if (entry.method !== STORED && entry.method !== DEFLATED)
      throw new Error(
        `its entry ${entry.name} is packed by method ${entry.method}, which is not read`,
      );
    if (entry.method === STORED && entry.packed !== entry.size)
      throw new Error(`its entry ${entry.name} is stored and has two sizes`);
    total += entry.size;
    if (total > most)
      throw new Error(
        `it unpacks to ${total} bytes or more, from ${file.size}; at most ${most} are read`,
      );
    byName.set(entry.name, entry);
  }
  const places = placesOf(file, entries, begin);
  return {
    names: [...byName.keys()],
    read: (name) => {
      const [entry, place] = [byName.get(name), places.get(name)];
      return entry && place !== undefined ? contentOf(file, entry, place) : undefined;
    },
  };
}

/** Where each entry's bytes begin. @throws Error where two entries share some, as in bombs. */
function placesOf(file: Bytes, entries: readonly Entry[], end: number): Map<string, number> {
  const places = new Map<string, number>();
  let before = 0;
  for (const entry of [...entries].sort((a, b) => a.at - b.at)) {
    if (entry.at < before) throw new Error(`its entry ${entry.name} begins inside another one`);
    const place = beginOf(file, entry);
    before = place + entry.packed;
    if (before > end) throw new Error(`its entry ${entry.name} ends beyond the archive's entries`);
    places.set(entry.name, place);
  }
  return places;
}

function beginOf(file: Bytes, { name, at, method }: Entry): number {
  const header = at + LOCAL_BYTES > file.size ? Buffer.alloc(0) : file.read(at, LOCAL_BYTES);
  if (header.length === 0 || header.readUInt32LE(0) !== LOCAL)
    throw new Error(`its entry ${name} is not where the directory says`);
  const [nameBytes, extraBytes] = [header.readUInt16LE(26), header.readUInt16LE(28)];
  const place = at + LOCAL_BYTES + nameBytes + extraBytes;
  if (place > file.size) throw new Error(`its entry ${name} is cut short`);
  const own = file.read(at + LOCAL_BYTES, nameBytes).toString('utf8');
  if (own !== name || header.readUInt16LE(8) !== method)
    throw new Error(`its entry ${name} is another one (${own}) where its bytes lie`);
  return place;
}

function contentOf(file: Bytes, entry: Entry, place: number): Uint8Array {
  const { name, method, packed, size, checksum } = entry;
  const raw = file.read(place, packed);
  const content = method === STORED ? raw : inflated(raw, entry);
  if (content.length !== size)
    throw new Error(`its entry ${name} unpacks to ${content.length} bytes, expected ${size}`);
  const found = crc32(content);
  if (found !== checksum)
    throw new Error(
      `its entry ${name} has the checksum ${hex(found)}, expected ${hex(checksum)}: it is damaged, or was written without checksums`,
    );
  return content;
}

function inflated(raw: Uint8Array, { name, size }: Entry): Uint8Array {
  try {
    return inflateRawSync(raw, { maxOutputLength: size + 1 });
  } catch (cause) {
    throw new Error(`its entry ${name} does not unpack to the ${size} bytes that it announces`, {
      cause,
    });
  }
}

function hex(checksum: number): string {
  return checksum.toString(16).padStart(8, '0');
}
