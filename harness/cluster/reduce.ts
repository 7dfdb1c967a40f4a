import type { Tensor } from '../engine/tf.ts';
import { sumsOf } from './collectives.ts';
import type { Layout } from './layout.ts';

/**
 * Values of a bucket. Large enough that a collective moves data most of its time, small enough that
 * the first buckets travel while the gradients of the first layers are still computed
 * (reports/measurements.md, "All-reduce").
 */
const BUCKET = 1 << 20;

/**
 * Means of gradients over the replicas of all processes, in the fixed tree. With several processes gradients travel in
 * buckets, last layers first, as they become known. Borders of buckets change no bit: each value is added by itself.
 * @param gradients of each own replica, by parameter
 */
export function reduceGradients(
  gradients: readonly (readonly Tensor[])[],
  layout: Layout,
  bucket = BUCKET,
): Tensor[] {
  const [first = []] = gradients;
  const of = (p: number) => gradients.map((own) => own[p] ?? missing(p));
  const share = 1 / layout.replicas;
  if (layout.processes === 1)
    return sumsOf(
      first.map((_, p) => of(p)),
      layout,
      share,
    );
  const means: Tensor[] = [];
  for (const places of bucketsOf(first, bucket)) {
    const sums = sumsOf(places.map(of), layout, share);
    places.forEach((p, i) => {
      means[p] = sums[i] ?? missing(p);
    });
  }
  return means;
}

/** Places of gradients, from the last to the first, in pieces of `bucket` values or one gradient. */
function bucketsOf(gradients: readonly Tensor[], bucket: number): number[][] {
  const buckets: number[][] = [];
  let values = bucket;
  for (let p = gradients.length - 1; p >= 0; p--) {
    const { size = 0 } = gradients[p] ?? {};
    if (values + size > bucket) {
      buckets.push([]);
      values = 0;
    }
    buckets.at(-1)?.push(p);
    values += size;
  }
  return buckets;
}

function missing(p: number): never {
  throw new Error(`reduce: gradient ${p} is missing`);
}
