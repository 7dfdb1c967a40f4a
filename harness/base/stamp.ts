import CryptoJS from 'crypto-js';
import { filePieces, type Hashable, piecesOf } from './hash.ts';
import { Sha256 } from './sha256.ts';

// crypto-js works on 32-bit words: pieces of 1 MiB bound its memory.
const STAMP_PIECE = 1 << 20;

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
