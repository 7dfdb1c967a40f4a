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
  const [count = 1, width = 1] = a.shape;
  const own = tf.sum(tf.mul(a, b)); // over the batch
  const every = tf.sum(tf.mul(tf.sum(a, 0), tf.sum(b, 0)));
  const others = tf.mul(tf.sub(every, own), tf.scalar(1 / (count * Math.max(1, count - 1))));
  const deviation = tf.sqrt(tf.mean(tf.square(tf.sub(a, tf.mean(a, 0))), 0)); // [D]
  return {
    positive_similarity: tf.mul(own, tf.scalar(1 / count)),
    negative_similarity: others,
    embedding_std: tf.mul(tf.mean(deviation), tf.scalar(Math.sqrt(width))),
  };
}
