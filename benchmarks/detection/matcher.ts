import { type Boxes, boxCount, pairwiseIou } from './boxes.ts';

export interface MatcherSpec {
  /** Rising bounds of IoU. */
  readonly thresholds: readonly number[];
  /** What a box is below the first bound, between two, and from the last one on: 1, 0, or -1 to ignore it. */
  readonly labels: readonly (1 | 0 | -1)[];
  /** Whether the boxes that are nearest to a ground truth are positive, however far they are from it. */
  readonly lowQuality: boolean;
}

/** For each box. */
export interface Matches {
  /** The ground truth of the highest IoU, the first of equals; 0 where there is none. */
  readonly truth: Int32Array;
  /** 1 positive, 0 negative, -1 ignored. */
  readonly label: Int8Array;
}

/**
 * Gives each box a ground truth and a label (docs/reference/detection.md, section 7). Bounds are
 * compared in float32. With `lowQuality` every box that attains the highest IoU of some ground truth is
 * positive, and keeps its own nearest ground truth. Where a ground truth meets no box at all that
 * highest IoU is 0, and so is that of every box: all are positive then, as in the original.
 */
export function matched(truths: Boxes, boxes: Boxes, spec: MatcherSpec): Matches {
  const [rows, count] = [boxCount(truths), boxCount(boxes)];
  const truth = new Int32Array(count);
  const label = new Int8Array(count);
  if (rows === 0) return { truth, label: label.fill(spec.labels[0] ?? 0) };
  const iou = pairwiseIou(truths, boxes);
  const best = iou.slice(0, count);
  for (let g = 1; g < rows; g++)
    for (let i = 0; i < count; i++) {
      const value = iou[g * count + i] ?? 0;
      if (value <= (best[i] ?? 0)) continue;
      best[i] = value;
      truth[i] = g;
    }
  const bounds = spec.thresholds.map(Math.fround);
  for (let i = 0; i < count; i++) {
    const passed = bounds.filter((bound) => (best[i] ?? 0) >= bound).length;
    label[i] = spec.labels[passed] ?? 0;
  }
  if (spec.lowQuality) raise(label, iou, rows);
  return { truth, label };
}

function raise(label: Int8Array, iou: Float32Array, rows: number): void {
  const count = label.length;
  for (let g = 0; g < rows; g++) {
    const own = iou.subarray(g * count, (g + 1) * count);
    const highest = own.reduce((most, value) => Math.max(most, value), 0);
    for (let i = 0; i < count; i++) if (own[i] === highest) label[i] = 1;
  }
}
