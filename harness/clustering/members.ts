import { op1 } from '../engine/op.ts';
import { oneOver } from '../engine/ops/one_over.ts';
import { type Tensor, tf } from '../engine/tf.ts';

/** Members of each cluster: int32 [K]. @param labels int32 [M], each in 0..K-1 */
export function clusterSizes(labels: Tensor, clusters: number): Tensor {
  const ones = op1('OnesLike', [labels]);
  return op1('UnsortedSegmentSum', [ones, labels, tf.scalar(clusters, 'int32')]);
}

/**
 * Mean feature of each cluster's members, added up in the order of the samples; a cluster without
 * members keeps its centroid. The means are not scaled to unit length.
 * @param features [M, D]
 * @param labels int32 [M]
 * @param before centroids, [K, D]
 */
export function clusterMeans(features: Tensor, labels: Tensor, before: Tensor): Tensor {
  const [clusters = 0] = before.shape;
  const sizes = tf.reshape(tf.cast(clusterSizes(labels, clusters), 'float32'), [clusters, 1]);
  const sums = op1('UnsortedSegmentSum', [features, labels, tf.scalar(clusters, 'int32')]);
  const means = op1('RealDiv', [sums, tf.maximum(sizes, tf.scalar(1))]);
  return op1('SelectV2', [tf.greater(sizes, tf.scalar(0)), means, before]);
}

/**
 * Weights by class that make up for unequal sizes: (1 / (n + floor))^power, scaled to a sum of 1.
 * @param sizes int32 [K]
 * @param floor keeps the weight of an empty cluster finite
 */
export function balancingWeights(sizes: Tensor, power: number, floor: number): Tensor {
  const inverse = oneOver(tf.add(tf.cast(sizes, 'float32'), tf.scalar(floor)));
  const weights = op1('Pow', [inverse, tf.scalar(power)]);
  return op1('RealDiv', [weights, tf.sum(weights)]);
}

/** Entropy of the sizes over that of equal ones: 1 where all are alike, 0 where one has everything. */
export function clusterEntropy(sizes: Tensor): Tensor {
  const counts = tf.cast(sizes, 'float32');
  const shares = op1('RealDiv', [counts, tf.sum(counts)]);
  const safe = tf.maximum(shares, tf.scalar(1e-30)); // 0 log 0 is 0
  const nats = tf.neg(tf.sum(tf.mul(shares, tf.log(safe))));
  return tf.div(nats, tf.log(tf.scalar(Math.max(2, sizes.shape[0] ?? 0))));
}

/** How full clusters are, for the log; the sizes' entropy as `clusterEntropy` has it. */
export function clusterSpread(sizes: Tensor): Readonly<Record<string, Tensor>> {
  return {
    clusters_empty: tf.sum(tf.cast(tf.equal(sizes, tf.scalar(0, 'int32')), 'int32')),
    clusters_smallest: tf.min(sizes),
    clusters_largest: tf.max(sizes),
    clusters_entropy: clusterEntropy(sizes),
  };
}

/**
 * `product`: the centroid with the largest dot product, which is not the nearest one where centroids
 * are plain means and so of different lengths. `nearest`: the one at the smallest distance.
 */
export type Assignment = 'product' | 'nearest';

/**
 * The cluster of each feature: int32 [M]; the first of equals.
 * @param features [M, D]
 * @param centroids [K, D]
 * @param closed bool [K]: clusters that take nobody
 */
export function assigned(
  features: Tensor,
  centroids: Tensor,
  assignment: Assignment,
  closed?: Tensor,
): Tensor {
  const products = op1('MatMul', [features, centroids], { transpose_b: true }); // [M, K]
  const open = assignment === 'product' ? products : tf.sub(products, halfSquares(centroids));
  const scores =
    closed === undefined
      ? open
      : op1('SelectV2', [closed, tf.scalar(Number.NEGATIVE_INFINITY), open]);
  return tf.argMax(scores, 1);
}

/** |x - c|^2 = |x|^2 - 2 (<x, c> - |c|^2 / 2). */
function halfSquares(centroids: Tensor): Tensor {
  return tf.mul(tf.sum(tf.square(centroids), 1), tf.scalar(0.5));
}
