import { readFileSync } from 'node:fs';
import { writeAtomic } from '../../base/files.ts';
import { inUserCache } from '../sources/hash_cache.ts';

// A decoder that refuses what an earlier one took needs another name here: all is decoded once more then.
const FILE = 'decoded-1.bin';
const KEY = 8; // bytes of a digest that are kept

/**
 * Contents of files that were decoded without an error, by this user in any data folder: the first 8 bytes of each
 * one's SHA-256, in order.
 */
export type Decoded = BigUint64Array;

/** What the user's cache has; empty where there is none, or none that can be read. */
export function readDecoded(): Decoded {
  try {
    const file = readFileSync(inUserCache('decodes', FILE));
    if (file.length % KEY !== 0) return new BigUint64Array();
    return new BigUint64Array(Uint8Array.from(file).buffer);
  } catch {
    return new BigUint64Array();
  }
}

/** Adds contents, in what order they come; where that is impossible, they are decoded once more. */
export async function addDecoded(keys: Iterable<bigint>): Promise<void> {
  const known = readDecoded(); // anew, as other processes write too
  const fresh = [...new Set(keys)].filter((key) => !isDecoded(known, key));
  if (fresh.length === 0) return;
  const all = new BigUint64Array(known.length + fresh.length);
  all.set(known);
  all.set(fresh, known.length);
  const bytes = new Uint8Array(all.sort().buffer);
  try {
    await writeAtomic(inUserCache('decodes', FILE), bytes);
  } catch {
    // without a cache that can be written
  }
}

export function isDecoded(known: Decoded, key: bigint): boolean {
  let [low, high] = [0, known.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((known[middle] ?? 0n) < key) low = middle + 1;
    else high = middle;
  }
  return known[low] === key;
}

/** What stands for the content of a sample. @param digests 32 bytes a sample */
export function keyAt(digests: Uint8Array, index: number): bigint {
  const { buffer, byteOffset } = digests;
  return new DataView(buffer, byteOffset + 32 * index, KEY).getBigUint64(0);
}
