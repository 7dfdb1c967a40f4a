import { log, pow } from '../random/elementary.ts';

/** Members of each cluster, int32 [clusters]. */
export function sizesOf(labels: Int32Array, clusters: number): Int32Array {
  const sizes = new Int32Array(clusters);
  for (const label of labels) sizes[label] = (sizes[label] ?? 0) + 1;
  return sizes;
}

/** How full clusters are, for the log. */
export interface ClusterMetrics {
  readonly clusters_empty: number;
  readonly clusters_smallest: number;
  readonly clusters_largest: number;
  /** Entropy of the sizes over that of equal ones: 1 where all are equal, 0 where one has all. */
  readonly clusters_entropy: number;
}

export function clusterMetrics(sizes: Int32Array): ClusterMetrics {
  return {
    clusters_empty: sizes.filter((size) => size === 0).length,
    clusters_smallest: sizes.reduce((least, size) => Math.min(least, size)),
    clusters_largest: sizes.reduce((most, size) => Math.max(most, size)),
    clusters_entropy: sizes.length > 1 ? entropy(sizes) / log(sizes.length) : 0,
  };
}

/**
 * Weight of each class in the loss: (1 / (size + epsilon))^power, scaled to a sum of 1.
 * @param epsilon 1e-10 in DeepCluster, 1e-5 in ODC (docs/reference/methods.md, sections 6 and 8)
 */
export function lossWeights(sizes: Int32Array, power: number, epsilon: number): Float32Array {
  const weights = Float64Array.from(sizes, (size) => pow(1 / (size + epsilon), power));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return Float32Array.from(weights, (weight) => weight / total);
}

/** How two clusterings of the same samples differ; cluster numbers mean nothing. */
export interface LabelChange {
  /**
   * Share of samples that do not come from the old cluster that most of their new cluster's members
   * come from.
   */
  readonly reassigned: number;
  /** Normalised mutual information, I / sqrt(H H'): Caron et al. 2018, section 4.1. */
  readonly nmi: number;
}

export function labelChange(before: Int32Array, after: Int32Array): LabelChange {
  const count = after.length;
  const joint = new Map<number, Map<number, number>>();
  for (const [i, label] of after.entries()) {
    const of = joint.get(label) ?? new Map<number, number>();
    const old = before[i] ?? 0;
    of.set(old, (of.get(old) ?? 0) + 1);
    joint.set(label, of);
  }
  const rows = [...joint].sort(([a], [b]) => a - b).map(([, of]) => ordered(of));
  const kept = rows.reduce((sum, row) => sum + row.reduce((a, b) => Math.max(a, b)), 0);
  const [own, old] = [entropy(sizesIn(after)), entropy(sizesIn(before))];
  const both = entropy(rows.flat());
  const scale = Math.sqrt(own * old);
  // Two clusterings without any information agree where both have one cluster.
  const nmi = scale > 0 ? (own + old - both) / scale : Number(own === old);
  return { reassigned: 1 - kept / count, nmi };
}

/** Counts in order of their cluster, so that sums have one order. */
function ordered(counts: ReadonlyMap<number, number>): number[] {
  return [...counts].sort(([a], [b]) => a - b).map(([, count]) => count);
}

function sizesIn(labels: Int32Array): Int32Array {
  return sizesOf(labels, labels.reduce((most, label) => Math.max(most, label), 0) + 1);
}

/** Of shares of a whole, in nats. */
function entropy(sizes: ArrayLike<number>): number {
  const counts = Array.from(sizes);
  const total = counts.reduce((sum, size) => sum + size, 0);
  return counts.reduce((sum, n) => (n > 0 ? sum - (n / total) * log(n / total) : sum), 0);
}

/**
 * Samples drawn uniformly over clusters (docs/reference/methods.md, section 3.1): floor(N / K) + 1
 * of each cluster that has any, with replacement where it has no more than that; shuffled, cut to
 * N. With many empty clusters the list is filled up from its beginning.
 * @returns int32 [N]
 */
export function uniformOrder(
  labels: Int32Array,
  clusters: number,
  draws: { permutation(n: number): Int32Array; int(low: number, high: number): number },
): Int32Array {
  const count = labels.length;
  const each = Math.floor(count / clusters) + 1;
  const members = Array.from({ length: clusters }, (): number[] => []);
  for (const [i, label] of labels.entries()) members[label]?.push(i);
  const chosen = members.flatMap((own) => {
    if (own.length === 0) return [];
    if (own.length > each)
      return Array.from(draws.permutation(own.length).subarray(0, each), (at) => own[at] ?? 0);
    return Array.from({ length: each }, () => own[draws.int(0, own.length - 1)] ?? 0);
  });
  const order = draws.permutation(chosen.length);
  return Int32Array.from({ length: count }, (_, i) => chosen[order[i % order.length] ?? 0] ?? 0);
}
