import { closeSync, fstatSync, readSync } from 'node:fs';
import { openToRead } from '../../base/index.ts';

/** Bytes of a file, read where they are asked for. */
export interface Bytes {
  readonly size: number;
  /** A copy of some bytes. @throws Error where the file does not have them. */
  read(begin: number, length: number): Buffer;
}

const PIECE = 1 << 30; // one call reads less than 2 GiB

/** Opens a file for as long as `use` takes. @throws UserError where it cannot be opened. */
export function withBytes<T>(path: string, use: (bytes: Bytes) => T): T {
  const file = openToRead(path);
  try {
    return use({
      size: fstatSync(file).size,
      read: (begin, length) => pieceOf(file, begin, length),
    });
  } finally {
    closeSync(file);
  }
}

// What is read lies in memory of its own from its first byte on, so that arrays of numbers can be views of it.
function pieceOf(file: number, begin: number, length: number): Buffer {
  if (begin + length > fstatSync(file).size || begin < 0 || length < 0)
    throw new Error(`it ends before byte ${begin + length}: it is cut short`);
  const bytes = Buffer.from(new ArrayBuffer(length));
  for (let done = 0; done < length; ) {
    const count = readSync(file, bytes, done, Math.min(PIECE, length - done), begin + done);
    if (count === 0) throw new Error('it became shorter while it was read');
    done += count;
  }
  return bytes;
}
