import { type CoderWeights, decodeBoxes } from './box_coder.ts';
import {
  type Boxes,
  boxAt,
  boxesAt,
  clipped,
  type ImageSize,
  nonEmpty,
  scaledBoxes,
} from './boxes.ts';
import { classwiseNms } from './nms.ts';
import { pasted } from './paste_masks.ts';
import type { Bitmap } from './polygons.ts';

export interface DetectionSpec {
  /** Only scores above it count. */
  readonly scoreThreshold: number;
  /** IoU above which the lower of two of one class is dropped. */
  readonly nmsThreshold: number;
  /** Of one image, at most. */
  readonly most: number;
  readonly coderWeights: CoderWeights;
}

/** What was found in one image, by falling score. */
export interface Detections {
  readonly boxes: Boxes;
  readonly scores: Float32Array;
  readonly classes: Int32Array;
}

/**
 * Detections of one image from what the heads say of its regions, in pixels of the network's input
 * (docs/reference/detection.md, section 11).
 * @param probabilities [R, K + 1], background last
 * @param deltas [R, 4 K], class by class
 * @param regions R boxes
 */
export function detections(
  probabilities: Float32Array,
  deltas: Float32Array,
  regions: Boxes,
  size: ImageSize,
  { scoreThreshold, nmsThreshold, most, coderWeights }: DetectionSpec,
): Detections {
  const count = regions.length / 4;
  const classes = count === 0 ? 0 : deltas.length / (4 * count);
  const decoded = decodeBoxes(deltas, regions, coderWeights);
  const inside = clipped(decoded, size);
  const bound = Math.fround(scoreThreshold);
  const rows: number[] = [];
  for (let r = 0; r < count; r++) {
    const own = probabilities.subarray(r * (classes + 1), (r + 1) * (classes + 1));
    const places = decoded.subarray(4 * r * classes, 4 * (r + 1) * classes);
    if (!own.every(Number.isFinite) || !places.every(Number.isFinite)) continue;
    for (let c = 0; c < classes; c++) if ((own[c] ?? 0) > bound) rows.push(r * classes + c);
  }
  const boxes = boxesAt(inside, rows);
  const classOf = (row: number) => row % classes;
  const scoreOf = (row: number) =>
    probabilities[Math.floor(row / classes) * (classes + 1) + classOf(row)] ?? 0;
  const kept = classwiseNms(boxes, rows.map(scoreOf), rows.map(classOf), nmsThreshold).slice(
    0,
    most,
  );
  const chosen = Array.from(kept, (place) => rows[place] ?? 0);
  return {
    boxes: boxesAt(boxes, kept),
    scores: Float32Array.from(chosen, scoreOf),
    classes: Int32Array.from(chosen, classOf),
  };
}

/** Rows of detections that are left, by their place, and their boxes in pixels of the original image. */
export interface Restored {
  readonly places: Int32Array;
  readonly boxes: Boxes;
}

/** Boxes taken to the original image and clipped to it; those that become empty are dropped. */
export function restored(boxes: Boxes, network: ImageSize, original: ImageSize): Restored {
  const inside = clipped(scaledBoxes(boxes, network, original), original);
  const large = nonEmpty(inside);
  const places = Int32Array.from(large.keys()).filter((i) => large[i] === 1);
  return { places, boxes: boxesAt(inside, places) };
}

/**
 * The masks of restored detections, in the original image.
 * @param masks probabilities of all detections, [D, side, side]
 */
export function restoredMasks(
  masks: Float32Array,
  side: number,
  { places, boxes }: Restored,
  original: ImageSize,
): Bitmap[] {
  const size = side * side;
  return Array.from(places, (place, i) =>
    pasted(masks.subarray(place * size, (place + 1) * size), side, boxAt(boxes, i), original),
  );
}
