import { UserError } from '../base/errors.ts';
import type { Stream } from '../random/stream.ts';
import { type Assignment, Lloyd } from './lloyd.ts';
import { type Points, pointsOf } from './points.ts';
import { plusPlusPlaces, randomPlaces } from './seeding.ts';

export interface KMeansOptions {
  /** K. */
  readonly clusters: number;
  /** Moves of the centroids; fewer where no point changes its cluster any more. */
  readonly iterations: number;
  /** `points`: distinct points at random, as faiss begins; `k-means++`; or centroids, [K, D]. */
  readonly init: 'points' | 'k-means++' | Float32Array;
  /** Chance of the beginning and of splits, by purpose. */
  readonly stream: (purpose: string) => Stream;
  /** Threads of the engine; 0 for all cores. Never changes a bit. */
  readonly threads?: number;
}

export interface Clustering {
  /** int32 [N]: the nearest of the last centroids. */
  readonly labels: Int32Array;
  /** float32 [K, D] */
  readonly centroids: Float32Array;
  /** int32 [K] */
  readonly sizes: Int32Array;
  /** Clusters without points in the end. */
  readonly empty: number;
  /** Clusters that ran empty on the way and got half of another one. */
  readonly splits: number;
  /** Times the centroids moved. */
  readonly iterations: number;
  /** Sum of squared distances to the own centroid. */
  readonly inertia: number;
}

/** How far the halves of a split cluster are moved apart, as faiss does. */
const APART = 1 / 1024;

/**
 * k-means, Lloyd 1982, in float32 on the engine. A cluster that runs empty takes half of another one,
 * chosen in proportion to its size, as faiss does (docs/reference/methods.md, section 6). The bits
 * are the same on any number of threads.
 * @param values float32 [N, width]
 * @throws UserError for more clusters than points, or points that are not finite.
 */
export async function kMeans(
  values: Float32Array,
  width: number,
  options: KMeansOptions,
): Promise<Clustering> {
  const points = pointsOf(values, width);
  const { clusters, iterations, stream, threads = 0 } = options;
  if (clusters > points.count)
    throw new UserError(
      `clustering: ${clusters} clusters of ${points.count} points; use at most as many as points`,
    );
  const lloyd = new Lloyd(points, clusters, threads);
  try {
    await lloyd.fill(points);
    await lloyd.place(await started(lloyd, points, options));
    const draws = stream('split');
    let before: Assignment | undefined;
    let [moved, splits] = [0, 0];
    while (moved < iterations) {
      const found = await lloyd.pass();
      const split = found.sizes.includes(0);
      if (before !== undefined && !split && sameLabels(before, found)) break;
      await lloyd.move(found.sizes);
      if (split) splits += await splitLarge(lloyd, found.sizes, points, draws);
      before = found;
      moved++;
    }
    const { labels, sizes, inertia } = await lloyd.assign();
    const empty = sizes.reduce((sum, size) => sum + (size === 0 ? 1 : 0), 0);
    const centroids = await lloyd.centroids();
    return { labels, centroids, sizes, empty, splits, iterations: moved, inertia };
  } finally {
    lloyd.dispose();
  }
}

async function started(lloyd: Lloyd, points: Points, options: KMeansOptions) {
  const { clusters, init, stream } = options;
  const { values, count, width } = points;
  if (typeof init !== 'string') return init;
  const places =
    init === 'points'
      ? randomPlaces(count, clusters, stream('init'))
      : await plusPlusPlaces(lloyd, points, clusters, stream('init'));
  const centroids = new Float32Array(clusters * width);
  places.forEach((place, c) => {
    centroids.set(values.subarray(place * width, (place + 1) * width), c * width);
  });
  return centroids;
}

function sameLabels({ labels: a }: Assignment, { labels: b }: Assignment): boolean {
  return a.every((label, i) => label === b[i]);
}

/**
 * Gives each cluster without points half of another: clusters are asked in turn, and one of n points
 * of N accepts with the chance (n - 1) / (N - K). Both halves start at its centroid, a little apart.
 * @returns how many were empty
 */
async function splitLarge(
  lloyd: Lloyd,
  found: Int32Array,
  { count, width }: Points,
  draws: Stream,
): Promise<number> {
  const sizes = Float64Array.from(found);
  const centroids = await lloyd.centroids();
  let splits = 0;
  for (const [empty, size] of sizes.entries()) {
    if (size > 0) continue;
    const large = accepting(sizes, count, draws);
    const half = Math.floor((sizes[large] ?? 0) / 2);
    sizes[empty] = half;
    sizes[large] = (sizes[large] ?? 0) - half;
    for (let d = 0; d < width; d++) {
      const value = centroids[large * width + d] ?? 0;
      const sign = d % 2 === 0 ? APART : -APART;
      centroids[empty * width + d] = value * (1 + sign);
      centroids[large * width + d] = value * (1 - sign);
    }
    splits++;
  }
  await lloyd.place(centroids);
  return splits;
}

// With an empty cluster there are more points than clusters that have some, so one has two or more.
function accepting(sizes: Float64Array, count: number, draws: Stream): number {
  for (let c = 0; ; c = (c + 1) % sizes.length)
    if (draws.uniform() < ((sizes[c] ?? 0) - 1) / (count - sizes.length)) return c;
}
