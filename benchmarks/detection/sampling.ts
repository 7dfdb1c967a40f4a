import type { Stream } from '../../harness/random/stream.ts';

export interface SampleSpec {
  /** Drawn of one image, positives and negatives together. */
  readonly count: number;
  /** The most of them that may be positive, as a share. */
  readonly positiveFraction: number;
}

/** Indices, each list in the order drawn. */
export interface Sample {
  readonly positive: Int32Array;
  readonly negative: Int32Array;
}

/**
 * Draws positives, at most their share, and fills up with negatives, each without replacement; where there
 * are not enough negatives fewer are drawn (docs/reference/detection.md, sections 7 and 8).
 * @param labels 1 positive, 0 negative; others are never drawn
 * @param stream of this image and step alone; positives are drawn from it first
 */
export function sampled(
  labels: ArrayLike<number>,
  { count, positiveFraction }: SampleSpec,
  stream: Stream,
): Sample {
  const positives = placesOf(labels, 1);
  const negatives = placesOf(labels, 0);
  const own = Math.min(positives.length, Math.floor(count * positiveFraction));
  const positive = drawn(positives, own, stream);
  return { positive, negative: drawn(negatives, Math.min(negatives.length, count - own), stream) };
}

function placesOf(labels: ArrayLike<number>, wanted: number): number[] {
  const places: number[] = [];
  for (let i = 0; i < labels.length; i++) if (labels[i] === wanted) places.push(i);
  return places;
}

/** The first `count` of a random order: Fisher-Yates, stopped early. */
function drawn(places: readonly number[], count: number, stream: Stream): Int32Array {
  const order = Int32Array.from(places);
  for (let i = 0; i < count; i++) {
    const j = stream.int(i, order.length - 1);
    const held = order[i] ?? 0;
    order[i] = order[j] ?? 0;
    order[j] = held;
  }
  return order.slice(0, count);
}
