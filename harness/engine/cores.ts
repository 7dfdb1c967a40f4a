import { availableParallelism } from 'node:os';
import { native } from './capi.ts';

/**
 * Parts that the work inside one op is cut into, whatever the number of cores. TensorFlow and oneDNN
 * cut sums (filter gradients, batch statistics, long reductions) into one part a thread of their pool
 * and add the parts, so the size of the pool decides result bits: with 1, 2, 3 or 8 threads the state
 * after 12 steps of MoCo had four different hashes. The pool therefore always has this size, and the
 * system spreads it over the cores there are. On two cores a step of MoCo with ResNet-50 at 224 takes
 * 3 to 8 % longer with 4 than with 2, and 7 to 10 % more with 8.
 */
export const LANES = 4;

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
export function lowest(mask: Uint8Array, count: number): Uint8Array {
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
