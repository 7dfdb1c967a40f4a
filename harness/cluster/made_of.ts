import type { Tensor } from '../engine/tf.ts';

/** What a value is made of, row by row: its rows in another order are made of these in that order, bit by bit. */
export interface Source {
  /** Smaller than what is made of it, as pixels of a byte are. */
  readonly rows: () => Tensor;
  readonly make: (rows: Tensor) => Tensor;
}

const sources = new WeakMap<Tensor, Source>();

/** Says what a value is made of, so that this can travel in its place. @returns the value */
export function madeOf(value: Tensor, source: Source): Tensor {
  sources.set(value, source);
  return value;
}

export function sourceOf(value: Tensor): Source | undefined {
  return sources.get(value);
}
