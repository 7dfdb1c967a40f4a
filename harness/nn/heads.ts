import { softmaxCrossEntropy } from '../engine/ops/linear.ts';
import { type Tensor, tf } from '../engine/tf.ts';

/**
 * InfoNCE: cross entropy that picks the positive among the negatives, mean over rows.
 * van den Oord et al. 2018, arXiv:1807.03748, eq. 4; He et al. 2020, arXiv:1911.05722, eq. 1.
 * @param positive [N, 1] similarities
 * @param negative [N, K] similarities
 * @returns `loss` (scalar, nats) and `accuracy` (share of rows whose positive is the largest)
 */
export function contrast(
  positive: Tensor,
  negative: Tensor,
  temperature: number,
): { readonly loss: Tensor; readonly accuracy: Tensor } {
  const logits = tf.mul(tf.concat([positive, negative], 1), tf.scalar(1 / temperature));
  const first = tf.zeros([positive.shape[0] ?? 0], 'int32');
  const loss = tf.mean(softmaxCrossEntropy(logits, first));
  const ahead = tf.greater(positive, tf.max(negative, 1, true));
  return { loss, accuracy: tf.mean(tf.cast(ahead, 'float32')) };
}

/** Inner product of matching rows, [N, D] x [N, D] → [N, 1]. */
export function rowDots(a: Tensor, b: Tensor): Tensor {
  return tf.sum(tf.mul(a, b), 1, true);
}
