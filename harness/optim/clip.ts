import { type Tensor, tf } from '../engine/tf.ts';
import type { GradClip } from './spec.ts';

const ROW = 4096;

/**
 * Sum of all elements, a scalar. Sums go over rows of fixed length, then over rows: each sum is made by one
 * thread, so its bits do not depend on how many there are.
 */
function sumOf(x: Tensor): Tensor {
  let rest = x;
  while (rest.size > 1) rest = tf.sum(tf.reshape(rest, [-1, rowLength(rest.size)]), 1);
  return tf.reshape(rest, []);
}

/** The longest divisor that fits in a row; all of a count that has none but itself and 1. */
function rowLength(count: number): number {
  for (let length = Math.min(ROW, count); length > 1; length--)
    if (count % length === 0) return length;
  return count;
}

function squares(x: Tensor): Tensor {
  return sumOf(tf.square(x));
}

/** Euclidean length of all elements, a scalar. */
export function norm(x: Tensor): Tensor {
  return tf.sqrt(squares(x));
}

/**
 * Gradients scaled so that all together have at most this norm, as torch's clip_grad_norm_:
 * times min(1, limit / (norm + 1e-6)).
 */
export function clipped(gradients: readonly Tensor[], bound: GradClip): Tensor[] {
  const { maxNorm: limit, p } = typeof bound === 'number' ? { maxNorm: bound, p: 2 } : bound;
  const total = totalNorm(gradients, p);
  const scale = tf.minimum(tf.div(tf.scalar(limit), tf.add(total, tf.scalar(1e-6))), tf.scalar(1));
  return gradients.map((gradient) => tf.mul(gradient, scale));
}

function totalNorm(gradients: readonly Tensor[], p: number | 'max'): Tensor {
  const sum = (of: (x: Tensor) => Tensor) => tf.sum(tf.stack(gradients.map(of)));
  if (p === 2) return tf.sqrt(sum(squares));
  if (p === 1) return sum((x) => sumOf(tf.abs(x)));
  const largest = tf.max(tf.stack(gradients.map((x) => tf.max(tf.abs(x)))));
  if (p === 'max') return largest;
  // Of what is left in units of the largest, no power overflows.
  const powers = sum((x) => sumOf(tf.pow(tf.divNoNan(tf.abs(x), largest), tf.scalar(p))));
  return tf.mul(largest, tf.pow(powers, tf.scalar(1 / p)));
}
