import type { CoderWeights } from './box_coder.ts';
import { decodeBoxes } from './box_coder.ts';
import { type Boxes, boxesAt, clipped, type ImageSize, nonEmpty } from './boxes.ts';
import { nms } from './nms.ts';
import { highest } from './order.ts';

export interface ProposalSpec {
  /** Highest logits that are looked at. */
  readonly before: number;
  /** Proposals that are left at most. */
  readonly after: number;
  /** IoU above which the lower one of two is dropped. */
  readonly threshold: number;
  /** Boxes must be wider and higher than this, pixels. */
  readonly minSize: number;
}

/** Of one image, by falling logit. */
export interface Proposals {
  readonly boxes: Boxes;
  readonly logits: Float32Array;
}

/** Anchors are moved without weights. */
export const ANCHOR_WEIGHTS: CoderWeights = [1, 1, 1, 1];

/**
 * What the RPN proposes for one image: highest logits, decoded, clipped to the image without its padding,
 * empty ones dropped, suppressed, cut (docs/reference/detection.md, section 7).
 * @param logits, deltas one row an anchor
 */
export function proposals(
  logits: Float32Array,
  deltas: Float32Array,
  anchors: Boxes,
  size: ImageSize,
  { before, after, threshold, minSize }: ProposalSpec,
): Proposals {
  const top = highest(logits, before);
  const moved = decodeBoxes(boxesAt(deltas, top), boxesAt(anchors, top), ANCHOR_WEIGHTS);
  const inside = clipped(moved, size);
  const large = nonEmpty(inside, minSize);
  const scores = Float32Array.from(top, (i) => logits[i] ?? 0);
  const places = Int32Array.from(scores.keys()).filter(
    (i) => large[i] === 1 && isFinite4(moved, i) && Number.isFinite(scores[i]),
  );
  const boxes = boxesAt(inside, places);
  const own = Float32Array.from(places, (i) => scores[i] ?? 0);
  const kept = nms(boxes, own, threshold, after);
  return { boxes: boxesAt(boxes, kept), logits: Float32Array.from(kept, (i) => own[i] ?? 0) };
}

function isFinite4(boxes: Boxes, i: number): boolean {
  return boxes.subarray(4 * i, 4 * i + 4).every(Number.isFinite);
}
