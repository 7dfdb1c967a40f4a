import type { Detection, DetectionTask, Group, Truth } from './coco_task.ts';

/** Areas in pixels, both ends within. */
export interface AreaRange {
  readonly name: string;
  readonly least: number;
  readonly most: number;
}

/** A detection counts neither way, is right, or is wrong. */
export const IGNORED = 0;
export const RIGHT = 1;
export const WRONG = 2;

/** What one image has of one category, with all overlaps. */
export interface Scene<Region> {
  readonly truths: readonly Truth<Region>[];
  /** Best score first, equal scores in the order of their list; no more than `most`. */
  readonly detections: readonly Detection<Region>[];
  /** float64 [detections, truths]. */
  readonly overlaps: Float64Array;
}

export function sceneOf<Region>(
  { truths, detections }: Group<Region>,
  overlap: DetectionTask<Region>['overlap'],
  most: number,
): Scene<Region> {
  const best = [...detections].sort((a, b) => b.score - a.score).slice(0, most);
  const overlaps = new Float64Array(best.length * truths.length);
  let at = 0;
  for (const { region } of best)
    for (const truth of truths) overlaps[at++] = overlap(region, truth.region, truth.crowd);
  return { truths, detections: best, overlaps };
}

/** Truths of a scene as one range of areas sees them. */
export interface Seen {
  /** Places of truths: those that count first, each part in its order. */
  readonly order: readonly number[];
  /** How many of `order` count. */
  readonly counted: number;
}

/** A crowd never counts, nor does what is too small or too large. */
export function seenIn<Region>({ truths }: Scene<Region>, { least, most }: AreaRange): Seen {
  const counts: number[] = [];
  const others: number[] = [];
  for (const [i, { area, crowd }] of truths.entries())
    (crowd || area < least || area > most ? others : counts).push(i);
  return { order: [...counts, ...others], counted: counts.length };
}

/** What each detection of a scene is while it has taken no truth, written into `verdicts` from `start`. */
export function unmatched<Region>(
  { detections }: Scene<Region>,
  { least, most }: AreaRange,
  verdicts: Uint8Array,
  start: number,
): void {
  let at = start;
  for (const { area } of detections) verdicts[at++] = area < least || area > most ? IGNORED : WRONG;
}

/**
 * Judges the detections of a scene, best first: each takes the free truth that it overlaps most, at least
 * by `threshold`; one that counts goes before one that does not. Of equal overlaps the later is taken.
 * @param verdicts of all scenes; this one's are from `start` on, and stay where no truth is taken
 * @returns of each truth whether it was taken, as 0 or 1
 */
export function match<Region>(
  scene: Scene<Region>,
  { order, counted }: Seen,
  threshold: number,
  verdicts: Uint8Array,
  start: number,
): Uint8Array {
  const taken = new Uint8Array(scene.truths.length);
  // An overlap of 1 may come out a little smaller.
  const least = Math.min(threshold, 1 - 1e-10);
  for (let i = 0; i < scene.detections.length; i++) {
    const place = bestPlace(scene, order, counted, taken, i, least);
    if (place < 0) continue;
    taken[order[place] ?? 0] = 1;
    verdicts[start + i] = place < counted ? RIGHT : IGNORED;
  }
  return taken;
}

/** The place in `order` of the truth that a detection takes, or -1. */
function bestPlace<Region>(
  { truths, overlaps }: Scene<Region>,
  order: readonly number[],
  counted: number,
  taken: Uint8Array,
  detection: number,
  least: number,
): number {
  let best = -1;
  let most = least;
  for (let place = 0; place < order.length; place++) {
    if (place === counted && best >= 0) break;
    const truth = order[place] ?? 0;
    if (taken[truth] === 1 && !truths[truth]?.crowd) continue;
    const overlap = overlaps[detection * truths.length + truth] ?? 0;
    if (overlap < most) continue;
    most = overlap;
    best = place;
  }
  return best;
}
