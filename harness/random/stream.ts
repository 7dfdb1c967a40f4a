import { createHash } from 'node:crypto';
import seedrandom from 'seedrandom';
import { log } from './elementary.ts';

/** A sequence of random numbers, used by one purpose alone. */
export interface Stream {
  /** Uniform in [0, 1), a multiple of 2^-53. */
  uniform(): number;
  /** Integer in [low, high], both included, each equally likely. */
  int(low: number, high: number): number;
  /** Standard normal, the same bits on every machine and Node version. */
  normal(): number;
  /** Fisher-Yates permutation of 0..n-1. */
  permutation(n: number): Int32Array;
}

/**
 * The stream named by what it is for: what it gives depends on nothing but seed and key.
 * @param key strings and safe integers; ('a', 'bc') and ('ab', 'c') differ, and so do 1 and '1'.
 * @throws RangeError for a number that is not a safe integer.
 * @example stream(seed, 'augment', epoch, index, view).uniform()
 */
export function stream(seed: number, ...key: readonly (string | number)[]): Stream {
  for (const part of [seed, ...key])
    if (typeof part === 'number' && !Number.isSafeInteger(part))
      throw new RangeError(`stream [${[seed, ...key]}]: ${part} is not a safe integer`);
  const name = JSON.stringify([seed, ...key]);
  return new AleaStream(createHash('sha256').update(name).digest('binary').slice(0, SEED_BYTES));
}

/** Fills an array with normal draws of mean 0, each rounded to float32 once. */
export function fillNormal(from: Stream, data: Float32Array, std: number): Float32Array {
  for (let i = 0; i < data.length; i++) data[i] = from.normal() * std;
  return data;
}

const SEED_BYTES = 16; // the generator's state has 12; each more byte costs time
const TWO_32 = 2 ** 32;
const TWO_53 = 2 ** 53;

class AleaStream implements Stream {
  private readonly next: () => number;
  private spare = 0;
  private spared = false;

  constructor(seed: string) {
    this.next = seedrandom.alea(seed); // multiples of 2^-32
  }

  uniform(): number {
    const high = this.next();
    return high + Math.floor(this.next() * 2 ** 21) * 2 ** -53;
  }

  int(low: number, high: number): number {
    const count = high - low + 1;
    if (!(Number.isSafeInteger(low) && Number.isSafeInteger(high) && count >= 1))
      throw new RangeError(`int(${low}, ${high}): expected safe integers, low <= high`);
    if (count > TWO_53) throw new RangeError(`int(${low}, ${high}): the range exceeds 2^53`);
    const wide = count > TWO_32;
    const values = wide ? TWO_53 : TWO_32;
    const limit = values - (values % count); // above it, small results would be likelier
    for (;;) {
      const draw = wide ? this.uniform() * TWO_53 : this.next() * TWO_32;
      if (draw < limit) return low + (draw % count);
    }
  }

  /**
   * Marsaglia's polar method on points with coordinates of 32 bits; every second draw is the other
   * half of a pair.
   */
  normal(): number {
    if (this.spared) {
      this.spared = false;
      return this.spare;
    }
    for (;;) {
      const u = 2 * this.next() - 1;
      const v = 2 * this.next() - 1;
      const s = u * u + v * v;
      if (s >= 1 || s === 0) continue;
      const scale = Math.sqrt((-2 * log(s)) / s);
      this.spare = v * scale;
      this.spared = true;
      return u * scale;
    }
  }

  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.int(0, i);
      const held = order[i] ?? 0;
      order[i] = order[j] ?? 0;
      order[j] = held;
    }
    return order;
  }
}
