import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import CryptoJS from 'crypto-js';
import { z } from 'zod';
import { canonicalJson } from './canonical.ts';

/** 64 lower-case hex digits. */
export const Sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits')
  .brand('Sha256');
export type Sha256 = z.infer<typeof Sha256>;

/** Bytes or text (hashed as UTF-8), whole or in pieces that follow each other. */
export type Hashable = string | Uint8Array | Iterable<string | Uint8Array>;

const FILE_PIECE = 1 << 22;
// crypto-js works on 32-bit words: pieces of 1 MiB bound its memory.
const STAMP_PIECE = 1 << 20;
// About 3 ms of hashing between two chances for other work; small pieces are not worth a pause.
const BREATH = 1 << 22;
const SMALL = 1 << 18;

/** SHA-256 of bytes, text or pieces: the one place where the harness hashes. */
export function sha256(content: Hashable): Sha256 {
  const hash = createHash('sha256');
  for (const piece of piecesOf(content)) hash.update(piece);
  return Sha256.parse(hash.digest('hex'));
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
  return Sha256.parse(hash.digest('hex'));
}

/** SHA-256 of a value's canonical JSON. */
export function sha256Json(value: unknown): Sha256 {
  return sha256(canonicalJson(value));
}

/** SHA-256 of a file's bytes, read in pieces. */
export function sha256File(path: string): Sha256 {
  return sha256(filePieces(path));
}

/**
 * The same SHA-256 computed by crypto-js, independent of Node's OpenSSL: the stamp of a published
 * file is made with this and must agree with `sha256`. About 20 MiB/s.
 */
export function stampSha256(content: Hashable): Sha256 {
  const hash = CryptoJS.algo.SHA256.create();
  for (const piece of piecesOf(content)) {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
    for (let start = 0; start < bytes.length; start += STAMP_PIECE) {
      const part = Uint8Array.from(bytes.subarray(start, start + STAMP_PIECE));
      hash.update(CryptoJS.lib.WordArray.create(part));
    }
  }
  return Sha256.parse(hash.finalize().toString(CryptoJS.enc.Hex));
}

/** `stampSha256` of a file, read in pieces. */
export function stampFile(path: string): Sha256 {
  return stampSha256(filePieces(path));
}

function piecesOf(content: Hashable): Iterable<string | Uint8Array> {
  return typeof content === 'string' || content instanceof Uint8Array ? [content] : content;
}

function* filePieces(path: string): Generator<Uint8Array> {
  const file = openSync(path, 'r');
  try {
    const buffer = new Uint8Array(FILE_PIECE);
    for (;;) {
      const count = readSync(file, buffer, 0, buffer.length, null);
      if (count === 0) return;
      yield buffer.subarray(0, count);
    }
  } finally {
    closeSync(file);
  }
}
