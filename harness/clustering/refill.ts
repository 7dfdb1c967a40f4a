import { UserError } from '../base/errors.ts';
import { type FeatureRows, meanRow } from './two_means.ts';

/** Samples with their clusters, and what can be asked about their features. */
export interface Membership {
  readonly clusters: number;
  /** Cluster of each sample, int32 [M]; changed in place. */
  readonly labels: Int32Array;
  /** Features of some samples. */
  rows(samples: Int32Array): Promise<FeatureRows>;
  /** The best cluster of each sample, of those that are not closed. */
  best(samples: Int32Array, closed: ReadonlySet<number>): Promise<Int32Array>;
  /** Of a cluster's samples those that leave it, some but not all. @param split from 0 in this call */
  halve(features: FeatureRows, samples: Int32Array, split: number): Int32Array;
}

export interface Refilled {
  /** Clusters that were small, ascending. */
  readonly small: readonly number[];
  /** Samples that were in them. */
  readonly moved: number;
  /** New centroids, float32 [D], by cluster: of those that were split and filled. */
  readonly centroids: ReadonlyMap<number, Float32Array>;
}

/**
 * Leaves no cluster with less than `minimum` members, as ODC does (Zhan et al. 2020, section 3.3): their
 * members go to the best of the other clusters; then each of the emptied ones, in ascending order, gets
 * the second half of what is the largest cluster by then (the first of equals), and the centroids of
 * both become means of their members. A half may itself be smaller than `minimum`: it is looked at
 * when this is done again.
 * @throws UserError where every cluster is small, the largest cannot be split, or a feature is no number.
 */
export async function refillSmall(membership: Membership, minimum: number): Promise<Refilled> {
  const { clusters, labels } = membership;
  const sizes = sizesOf(labels, clusters);
  const small = [...sizes.keys()].filter((cluster) => (sizes[cluster] ?? 0) < minimum);
  const centroids = new Map<number, Float32Array>();
  if (small.length === 0) return { small, moved: 0, centroids };
  if (small.length === clusters)
    throw new UserError(
      `clusters: all ${clusters} have fewer than ${minimum} of the ${labels.length} samples; use fewer clusters`,
    );
  const closed = new Set(small);
  const moving = membersOf(labels, (label) => closed.has(label));
  const targets = moving.length === 0 ? new Int32Array() : await membership.best(moving, closed);
  const move = (sample: number, to: number) => {
    const from = labels[sample] ?? 0;
    sizes[from] = (sizes[from] ?? 0) - 1;
    sizes[to] = (sizes[to] ?? 0) + 1;
    labels[sample] = to;
  };
  moving.forEach((sample, i) => {
    move(sample, targets[i] ?? 0);
  });
  for (const [split, cluster] of small.entries()) {
    const largest = largestOf(sizes);
    const members = membersOf(labels, (label) => label === largest);
    const features = await membership.rows(members);
    checkFinite(features, largest);
    const leaving = new Set(membership.halve(features, members, split));
    const places = Int32Array.from(members.keys());
    const first = places.filter((place) => !leaving.has(members[place] ?? -1));
    const second = places.filter((place) => leaving.has(members[place] ?? -1));
    for (const place of second) move(members[place] ?? 0, cluster);
    centroids.set(largest, meanRow(features, first));
    centroids.set(cluster, meanRow(features, second));
  }
  return { small, moved: moving.length, centroids };
}

/** Members of each cluster. */
function sizesOf(labels: Int32Array, clusters: number): Int32Array {
  const sizes = new Int32Array(clusters);
  for (const label of labels) sizes[label] = (sizes[label] ?? 0) + 1;
  return sizes;
}

function membersOf(labels: Int32Array, among: (label: number) => boolean): Int32Array {
  const members: number[] = [];
  for (let sample = 0; sample < labels.length; sample++)
    if (among(labels[sample] ?? -1)) members.push(sample);
  return Int32Array.from(members);
}

function largestOf(sizes: Int32Array): number {
  let largest = 0;
  for (let cluster = 1; cluster < sizes.length; cluster++)
    if ((sizes[cluster] ?? 0) > (sizes[largest] ?? 0)) largest = cluster;
  return largest;
}

function checkFinite({ data, count }: FeatureRows, cluster: number): void {
  if (count < 2)
    throw new UserError(
      `clusters: the largest, ${cluster}, has ${count} samples and cannot be split; use fewer clusters`,
    );
  if (!data.every(Number.isFinite))
    throw new UserError(`clusters: a feature in cluster ${cluster} is not a finite number`);
}
