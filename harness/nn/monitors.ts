import { type Tensor, tf } from '../engine/tf.ts';

/**
 * `embedding_std`: standard deviation of each coordinate of unit rows over a batch, mean over
 * coordinates, in units of 1 / sqrt(D): about 1 where rows point everywhere, 0 where all are the same.
 * Chen & He 2021 (SimSiam), arXiv:2011.10566, section 4.1.
 * @param rows [N, D] of unit length
 */
export function embeddingStd(rows: Tensor): { readonly embedding_std: Tensor } {
  const [, width = 1] = rows.shape;
  const centred = tf.sub(rows, tf.mean(rows, 0));
  const deviations = tf.sqrt(tf.mean(tf.square(centred), 0));
  return { embedding_std: tf.mul(tf.mean(deviations), tf.scalar(Math.sqrt(width))) };
}

/**
 * `positive_similarity` and `negative_similarity`: mean cosines between rows that should be alike and
 * rows that should not. Collapsed embeddings have 1 in both.
 */
export function similarities(positive: Tensor, negative: Tensor) {
  return {
    positive_similarity: tf.mean(positive),
    negative_similarity: tf.mean(negative),
  };
}

/**
 * The same for own rows among those of all replicas, where 2i and 2i + 1 are siblings; without a pass
 * over the matrix of all pairs: the sum of a row's cosines is its cosine with the sum of all rows.
 * @param own [M, D] and all [A, D], of unit length
 */
export function pairMonitors(own: Tensor, all: Tensor) {
  const [count = 0, width = 0] = own.shape;
  const [among = 0] = all.shape;
  const [first, second] = tf.split(tf.reshape(own, [count / 2, 2, width]), 2, 1);
  if (first === undefined || second === undefined) throw new Error('pairs: two views expected');
  const positive = tf.mean(tf.sum(tf.mul(first, second), 2));
  const everything = tf.mean(tf.sum(tf.mul(own, tf.sum(all, 0)), 1)); // itself and its sibling too
  const others = tf.sub(tf.sub(everything, tf.scalar(1)), positive);
  return {
    positive_similarity: positive,
    negative_similarity: tf.mul(others, tf.scalar(1 / (among - 2))),
  };
}
