import { availableParallelism } from 'node:os';
import { native } from './capi.ts';

const BYTES = 128; // sizeof(cpu_set_t): 1024 processors

/**
 * Runs `body` so that threads started in it use at most `count` cores, the lowest-numbered of those
 * this process may use; 0 leaves them all.
 */
export function withCores<T>(count: number, body: () => T): T {
  if (count <= 0 || count >= availableParallelism()) return body();
  const { affinity } = native();
  const before = new Uint8Array(BYTES);
  if (affinity.read(0, BYTES, before) < 0) return body();
  affinity.write(0, BYTES, lowest(before, count));
  try {
    return body();
  } finally {
    affinity.write(0, BYTES, before);
  }
}

/** The first `count` bits that are set in a mask. */
function lowest(mask: Uint8Array, count: number): Uint8Array {
  const kept = new Uint8Array(mask.length);
  let left = count;
  for (let bit = 0; bit < mask.length * 8 && left > 0; bit++) {
    const byte = bit >> 3;
    const flag = (mask[byte] ?? 0) & (1 << (bit & 7));
    if (flag === 0) continue;
    kept[byte] = (kept[byte] ?? 0) | flag;
    left--;
  }
  return kept;
}
