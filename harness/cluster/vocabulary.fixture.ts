import type { DType } from '../engine/array.ts';
import { sizeOf } from '../engine/array.ts';
import { stream } from '../random/stream.ts';

/** One call of a word by which replicas exchange values. */
export interface Case {
  readonly word: 'sum' | 'mean' | 'gather' | 'broadcast' | 'permute';
  readonly replicas: number;
  /** Of what a replica hands in. */
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly seed: number;
}

export const FLOATS: ReadonlySet<DType> = new Set(['float32', 'bfloat16', 'float16']);

/** Shape of what a replica gets. */
export function resultShape({ word, replicas, shape }: Case): readonly number[] {
  return word === 'gather' ? [(shape[0] ?? 1) * replicas, ...shape.slice(1)] : shape;
}

/**
 * What a replica hands in. Floats are of many magnitudes, so that another order of additions gives other bits;
 * narrow ones are such that their type holds them as they are.
 */
export function handedIn({ shape, dtype, seed }: Case, replica: number): Float32Array {
  return values(['handed in', seed, replica], shape, dtype);
}

/** The gradient of what a replica gets. */
export function upstream(one: Case, replica: number): Float32Array {
  return values(['upstream', one.seed, replica], resultShape(one), one.dtype);
}

/** [R N], for the word that permutes. */
export function orderOf({ replicas, shape, seed }: Case): Int32Array {
  return stream(1, 'order', seed).permutation(replicas * (shape[0] ?? 1));
}

function values(purpose: readonly (string | number)[], shape: readonly number[], dtype: DType) {
  const draws = stream(1, 'vocabulary', ...purpose);
  const draw: Readonly<Record<string, () => number>> = {
    float32: () => draws.normal() * 10 ** draws.int(-3, 3),
    bfloat16: () => (draws.int(-128, 127) / 64) * 2 ** draws.int(-8, 8),
    float16: () => (draws.int(-128, 127) / 64) * 2 ** draws.int(-6, 6),
    int32: () => draws.int(-1_000_000, 1_000_000),
    uint8: () => draws.int(0, 255),
    bool: () => draws.int(0, 1),
  };
  const made = draw[dtype];
  if (made === undefined) throw new Error(`no values of ${dtype}`);
  return Float32Array.from({ length: sizeOf(shape) }, made);
}
