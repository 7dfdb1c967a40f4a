import { availableParallelism } from 'node:os';
import { native } from './capi.ts';

const BYTES = 128; // sizeof(cpu_set_t): 1024 processors

let block = 0;

/**
 * Where several processes share a machine: which block of so many cores `withCores` takes, from 0. Each takes another
 * one, or all would compute on the same cores while others are idle. To be called before the first session.
 */
export function useCoreBlock(index: number): void {
  block = index;
}

/**
 * Runs `body` so that threads started in it use at most `count` cores, the lowest-numbered of those
 * this process may use, or its block of them; 0 leaves them all.
 */
export function withCores<T>(count: number, body: () => T): T {
  if (count <= 0 || count >= availableParallelism()) return body();
  const { affinity } = native();
  const before = new Uint8Array(BYTES);
  if (affinity.read(0, BYTES, before) < 0) return body();
  affinity.write(0, BYTES, maskOf(coresOf(cores(before), count, block)));
  try {
    return body();
  } finally {
    affinity.write(0, BYTES, before);
  }
}

/** A block of `count` cores; blocks that go beyond the last core go on at the first. */
export function coresOf(all: readonly number[], count: number, index: number): number[] {
  return Array.from({ length: count }, (_, i) => all[(index * count + i) % all.length] ?? 0);
}

/** The bits that are set in a mask. */
function cores(mask: Uint8Array): number[] {
  return [...mask].flatMap((byte, at) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => byte & (1 << bit)).map((bit) => at * 8 + bit),
  );
}

function maskOf(bits: readonly number[]): Uint8Array {
  const mask = new Uint8Array(BYTES);
  for (const bit of bits) mask[bit >> 3] = (mask[bit >> 3] ?? 0) | (1 << (bit & 7));
  return mask;
}
