import { areas, type Boxes, boxCount } from './boxes.ts';
import { byFallingValue } from './order.ts';

const f = Math.fround;

/** Up to so many boxes torchvision shifts the classes apart on a CPU; above, it goes class by class. */
const SHIFTED = 1000;

/**
 * Greedy non-maximum suppression: boxes by falling score, each left out where its IoU with one that was
 * kept is above `threshold` (strictly). Of equal scores the one that comes first wins.
 * @param most stops once so many are kept
 * @returns indices of the boxes kept, by falling score
 */
export function nms(
  boxes: Boxes,
  scores: ArrayLike<number>,
  threshold: number,
  most = Number.POSITIVE_INFINITY,
): Int32Array {
  const bound = f(threshold);
  const order = byFallingValue(scores);
  const size = areas(boxes);
  const kept = new Int32Array(order.length);
  let count = 0;
  for (const i of order) {
    if (count >= most) break;
    if (!isSuppressed(boxes, size, i, kept, count, bound)) kept[count++] = i;
  }
  return kept.slice(0, count);
}

function isSuppressed(
  boxes: Boxes,
  size: Float32Array,
  i: number,
  kept: Int32Array,
  count: number,
  bound: number,
): boolean {
  const [x1, y1] = [boxes[4 * i] ?? 0, boxes[4 * i + 1] ?? 0];
  const [x2, y2] = [boxes[4 * i + 2] ?? 0, boxes[4 * i + 3] ?? 0];
  const area = size[i] ?? 0;
  for (let k = 0; k < count; k++) {
    const j = kept[k] ?? 0;
    const width = f(Math.min(x2, boxes[4 * j + 2] ?? 0) - Math.max(x1, boxes[4 * j] ?? 0));
    if (!(width > 0)) continue;
    const height = f(Math.min(y2, boxes[4 * j + 3] ?? 0) - Math.max(y1, boxes[4 * j + 1] ?? 0));
    if (!(height > 0)) continue;
    const shared = f(width * height);
    if (f(shared / f(f((size[j] ?? 0) + area) - shared)) > bound) return true;
  }
  return false;
}

/**
 * `nms` within each class. Up to 1,000 boxes the classes are moved apart by class * (largest coordinate
 * + 1) in float32, as torchvision does on a CPU, which can move an IoU near the threshold across it.
 */
export function classwiseNms(
  boxes: Boxes,
  scores: ArrayLike<number>,
  classes: ArrayLike<number>,
  threshold: number,
): Int32Array {
  if (boxCount(boxes) <= SHIFTED) return nms(apart(boxes, classes), scores, threshold);
  const members = new Map<number, number[]>();
  for (let i = 0; i < classes.length; i++) {
    const own = members.get(classes[i] ?? 0) ?? [];
    own.push(i);
    members.set(classes[i] ?? 0, own);
  }
  const kept = [...members.values()].flatMap((own) => {
    const rows = Float32Array.from(own.flatMap((i) => [...boxes.subarray(4 * i, 4 * i + 4)]));
    const best = nms(
      rows,
      own.map((i) => scores[i] ?? 0),
      threshold,
    );
    return Array.from(best, (place) => own[place] ?? 0);
  });
  kept.sort((a, b) => a - b);
  const order = byFallingValue(kept.map((i) => scores[i] ?? 0));
  return order.map((place) => kept[place] ?? 0);
}

function apart(boxes: Boxes, classes: ArrayLike<number>): Boxes {
  const largest = boxes.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const step = f(largest + 1);
  return boxes.map((value, i) => value + f((classes[i >> 2] ?? 0) * step));
}
