import { createHash } from 'node:crypto';
import { closeSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { canonicalJson } from './canonical.ts';
import { openToRead, reading } from './file_error.ts';
import type { Sha256 } from './sha256.ts';

/** Bytes or text (hashed as UTF-8), whole or in pieces that follow each other. */
export type Hashable = string | Uint8Array | Iterable<string | Uint8Array>;

const FILE_PIECE = 1 << 22;
// About 3 ms of hashing between two chances for other work; small pieces are not worth a pause.
const BREATH = 1 << 22;
const SMALL = 1 << 18;

/** SHA-256 of bytes, text or pieces: the one place where the harness hashes. */
export function sha256(content: Hashable): Sha256 {
  const hash = createHash('sha256');
  for (const piece of piecesOf(content)) hash.update(piece);
  return hash.digest('hex') as Sha256;
}

/**
 * `sha256` that lets other work go on in between, for hundreds of megabytes during training. The
 * content must not change meanwhile.
 */
export async function sha256Slowly(content: Hashable): Promise<Sha256> {
  const hash = createHash('sha256');
  for (const piece of piecesOf(content)) {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
    for (let start = 0; start < bytes.length; start += BREATH) {
      hash.update(bytes.subarray(start, start + BREATH));
      if (bytes.length > SMALL) await setImmediate();
    }
  }
  return hash.digest('hex') as Sha256;
}

/** SHA-256 of a value's canonical JSON. */
export function sha256Json(value: unknown): Sha256 {
  return sha256(canonicalJson(value));
}

/** SHA-256 of a file's bytes, read in pieces. */
export function sha256File(path: string): Sha256 {
  return sha256(filePieces(path));
}

/** The pieces of what is hashed. */
export function piecesOf(content: Hashable): Iterable<string | Uint8Array> {
  return typeof content === 'string' || content instanceof Uint8Array ? [content] : content;
}

/** The bytes of a file, in pieces. @throws UserError that names it, and why it cannot be read. */
export function* filePieces(path: string): Generator<Uint8Array> {
  const file = openToRead(path);
  try {
    const buffer = new Uint8Array(FILE_PIECE);
    for (;;) {
      const count = reading(path, () => readSync(file, buffer, 0, buffer.length, null));
      if (count === 0) return;
      yield buffer.subarray(0, count);
    }
  } finally {
    closeSync(file);
  }
}
