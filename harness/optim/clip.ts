import { type Tensor, tf } from '../engine/tf.ts';

const ROW = 4096;

/**
 * Sum of squares, a scalar. Sums go over rows of fixed length, then over rows: each sum is made by one
 * thread, so its bits do not depend on how many there are.
 */
function squares(x: Tensor): Tensor {
  let rest: Tensor = tf.square(x);
  while (rest.size > 1) rest = tf.sum(tf.reshape(rest, [-1, rowLength(rest.size)]), 1);
  return tf.reshape(rest, []);
}

/** The longest divisor that fits in a row; all of a count that has none but itself and 1. */
function rowLength(count: number): number {
  for (let length = Math.min(ROW, count); length > 1; length--)
    if (count % length === 0) return length;
  return count;
}

/** Euclidean length of all elements, a scalar. */
export function norm(x: Tensor): Tensor {
  return tf.sqrt(squares(x));
}

/**
 * Gradients scaled so that all together have at most this L2 norm, as torch's clip_grad_norm_:
 * times min(1, limit / (norm + 1e-6)).
 */
export function clipped(gradients: readonly Tensor[], limit: number): Tensor[] {
  const total = tf.sqrt(tf.sum(tf.stack(gradients.map(squares))));
  const scale = tf.minimum(tf.div(tf.scalar(limit), tf.add(total, tf.scalar(1e-6))), tf.scalar(1));
  return gradients.map((gradient) => tf.mul(gradient, scale));
}
