import { l2Normalize } from '../engine/ops/normalization.ts';
import { globalAvgPool } from '../engine/ops/pooling.ts';
import { type Tensor, tf } from '../engine/tf.ts';

/**
 * What a step says of its embeddings besides the loss, from [N, D] alone, so that it costs nothing.
 * `a` and `b` are unit rows, float32 [N, D]; row i of one belongs to row i of the other.
 *
 * - `positive_similarity`: mean cosine of a row with its own.
 * - `negative_similarity`: mean cosine of a row with the others' of this batch; 1 in both is collapse.
 * - `embedding_std`: standard deviation of each coordinate of `a` over the batch, mean over
 *   coordinates, in units of 1 / sqrt(D): about 1 where rows point everywhere, 0 where all are the same
 *   (Chen & He 2021, SimSiam, arXiv:2011.10566, section 4.1).
 */
export function monitors(a: Tensor, b: Tensor) {
  const [count = 1] = a.shape;
  const own = tf.sum(tf.mul(a, b)); // over the batch
  const every = tf.sum(tf.mul(tf.sum(a, 0), tf.sum(b, 0)));
  const others = tf.mul(tf.sub(every, own), tf.scalar(1 / (count * Math.max(1, count - 1))));
  const deviation = deviations(a);
  return {
    positive_similarity: tf.mul(own, tf.scalar(1 / count)),
    negative_similarity: others,
    embedding_std: inUnits(deviation),
  };
}

/**
 * `embedding_std` for a method without pairs, of what its classifier or its clustering sees: features
 * after the average over pixels, as unit rows. Where they have passed a ReLU no coordinate is negative,
 * so rows share a direction and the value stays below 1.
 * @param features [N, D], or [N, H, W, D] to be averaged
 */
export function featureMonitors(features: Tensor) {
  const rows = features.rank === 2 ? features : globalAvgPool(features);
  return { embedding_std: inUnits(deviations(l2Normalize(rows))) };
}

/** Standard deviation of each coordinate over rows: [N, D] → [D]. */
function deviations(rows: Tensor): Tensor {
  return tf.sqrt(tf.mean(tf.square(tf.sub(rows, tf.mean(rows, 0))), 0));
}

/** Mean of deviations, [D] → scalar, in units of 1 / sqrt(D). */
function inUnits(deviation: Tensor): Tensor {
  return tf.mul(tf.mean(deviation), tf.scalar(Math.sqrt(deviation.shape[0] ?? 1)));
}
