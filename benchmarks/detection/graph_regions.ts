import { op } from '../../harness/engine/op.ts';
import { rows } from '../../harness/engine/ops/indexing.ts';
import { toFloat } from '../../harness/engine/precision.ts';
import { sizesAreFree, type Tensor, tf } from '../../harness/engine/tf.ts';
import { SCALE_CLAMP } from './box_coder.ts';
import type { ProposalSpec } from './proposals.ts';
import type { RoiSpec } from './roi_head.ts';

const LOWEST = -3.4e38;

/** Proposals of one image within a step, where the host cannot look: the same as `proposals`, filled up with zeros. */
export interface GraphProposals {
  /** float32 [after, 4], by falling logit. */
  readonly boxes: Tensor;
  /** int32: rows that are proposals. */
  readonly count: Tensor;
}

/**
 * Of images of every size, of which a small one may have fewer anchors than are looked at: there are as many more then
 * that are no proposals, whatever the size.
 * @param logits [A], deltas [A, 4], without gradient from here on
 * @param anchors float32 [A, 4]
 * @param size float32 [2]: height and width of the image without padding
 */
export function graphProposals(
  logits: Tensor,
  deltas: Tensor,
  anchors: Tensor,
  size: Tensor,
  { before, after, threshold, minSize }: ProposalSpec,
): GraphProposals {
  const [all = 0] = logits.shape;
  const more = sizesAreFree() ? before : 0;
  const top = Math.min(before, all + more);
  const longer = (x: Tensor, value: number) =>
    more === 0
      ? x
      : tf.pad(x, [[0, more], ...x.shape.slice(1).map(() => [0, 0] as [number, number])], value);
  // Of equal values the one with the lower index comes first.
  const [scores, places] = op(
    'TopKV2',
    [longer(toFloat(logits), Number.NEGATIVE_INFINITY), tf.scalar(top, 'int32')],
    {},
    2,
  );
  if (!scores || !places) throw new Error('TopKV2: outputs are missing');
  const moved = decoded(rows(longer(toFloat(deltas), 0), places), rows(longer(anchors, 0), places));
  const most = tf.tile(tf.reverse(size), [2]); // x, y, x, y
  const boxes = tf.minimum(tf.maximum(moved, tf.scalar(0)), most);
  const sides = tf.sub(tf.slice(boxes, [0, 2], [top, 2]), tf.slice(boxes, [0, 0], [top, 2]));
  const large = tf.all(tf.greater(sides, tf.scalar(minSize)), 1); // false for NaN
  const finite = tf.logicalAnd(tf.isFinite(scores), tf.all(tf.isFinite(moved), 1));
  const usable = tf.logicalAnd(large, finite);
  const own = tf.where(usable, scores, tf.fill([top], Number.NEGATIVE_INFINITY));
  const found = op(
    'NonMaxSuppressionV4',
    [
      boxes,
      own,
      tf.scalar(after, 'int32'),
      tf.scalar(threshold, 'float32'),
      tf.scalar(LOWEST, 'float32'), // below it, nothing is looked at
    ],
    { pad_to_max_output_size: true },
    2,
  );
  const [kept, count] = found;
  if (!kept || !count) throw new Error('NonMaxSuppressionV4: outputs are missing');
  const real = tf.less(tf.range(0, after, 1, 'int32'), count);
  const chosen = tf.where(tf.expandDims(real, 1), rows(boxes, kept), tf.zeros([after, 4]));
  return { boxes: chosen, count };
}

/** As `decodeBoxes` with weights of 1. */
function decoded(deltas: Tensor, from: Tensor): Tensor {
  const [count = 0] = from.shape;
  const half = (x: Tensor, side: 0 | 2) => tf.slice(x, [0, side], [count, 2]);
  const side = tf.sub(half(from, 2), half(from, 0));
  const centre = tf.add(half(from, 0), tf.mul(side, tf.scalar(0.5)));
  const middle = tf.add(tf.mul(half(deltas, 0), side), centre);
  const growth = tf.minimum(half(deltas, 2), tf.scalar(SCALE_CLAMP));
  const reach = tf.mul(tf.mul(tf.exp(growth), side), tf.scalar(0.5));
  return tf.concat([tf.sub(middle, reach), tf.add(middle, reach)], 1);
}

/** Regions of one image that are learnt from, drawn within a step; rows behind `count` are repeats that count nothing. */
export interface GraphRegions {
  /** Rows of the pool, proposals followed by ground truths, int32 [spec.count]. */
  readonly index: Tensor;
  /** float32 [spec.count, 4]. */
  readonly boxes: Tensor;
  /** int32 [spec.count]; `background` where none of the ground truths is met. */
  readonly classes: Tensor;
  /** The ground truth that each meets most of, int32 [spec.count], and its box, float32 [spec.count, 4]. */
  readonly goals: Tensor;
  readonly truths: Tensor;
  /** int32. */
  readonly count: Tensor;
}

/** Ground truths of one image, filled up with zeros. */
export interface GraphTruths {
  /** float32 [G, 4]. */
  readonly boxes: Tensor;
  /** int32 [G]. */
  readonly classes: Tensor;
  /** int32: rows that are ground truths. */
  readonly count: Tensor;
}

/**
 * As `drawRegions`: objects first, then background, those with the highest keys of each.
 * @param keys float32 [after + G], each a draw in [0, 1) from a stream of this image and step alone
 */
export function graphRegions(
  proposed: GraphProposals,
  truths: GraphTruths,
  keys: Tensor,
  background: number,
  { count, positiveFraction, threshold }: RoiSpec,
): GraphRegions {
  const [room = 0] = proposed.boxes.shape;
  const [most = 0] = truths.boxes.shape;
  const pool = tf.concat([proposed.boxes, truths.boxes], 0);
  const filled = (size: number, used: Tensor) => tf.less(tf.range(0, size, 1, 'int32'), used);
  const isTruth = filled(most, truths.count);
  const valid = tf.concat([filled(room, proposed.count), isTruth], 0);
  const none = tf.fill([most, room + most], -1);
  const iou = tf.where(tf.expandDims(isTruth, 1), graphIou(truths.boxes, pool), none);
  const nearest = tf.argMax(iou, 0);
  const hit = tf.greaterEqual(tf.max(iou, 0), tf.scalar(threshold));
  const positive = tf.logicalAnd(hit, valid);
  const negative = tf.logicalAnd(tf.logicalNot(hit), valid);
  const number = (flags: Tensor) => tf.sum(tf.cast(flags, 'int32'));
  const wanted = Math.floor(count * positiveFraction);
  const own = tf.minimum(number(positive), tf.scalar(wanted, 'int32'));
  const drawn = tf.minimum(tf.add(own, number(negative)), tf.scalar(count, 'int32'));
  const place = tf.range(0, count, 1, 'int32');
  const others = tf.maximum(tf.sub(place, own), tf.scalar(0, 'int32'));
  const index = tf.where(
    tf.less(place, own),
    rows(byKey(positive, keys, count), place),
    rows(byKey(negative, keys, count), others),
  );
  const goals = rows(nearest, index);
  const classes = tf.where(
    rows(positive, index),
    rows(truths.classes, goals),
    tf.fill([count], background, 'int32'),
  );
  return {
    ...{ index, boxes: rows(pool, index), classes, goals },
    ...{ truths: rows(truths.boxes, goals), count: drawn },
  };
}

/** Places of those that are flagged, by falling key; then of others. */
function byKey(flags: Tensor, keys: Tensor, count: number): Tensor {
  const own = tf.where(flags, keys, tf.fill([...keys.shape], -1));
  const k = Math.min(count, keys.shape[0] ?? 0);
  const [, places] = op('TopKV2', [own, tf.scalar(k, 'int32')], {}, 2);
  if (places === undefined) throw new Error('TopKV2: outputs are missing');
  const last = tf.scalar(k - 1, 'int32');
  return rows(places, tf.minimum(tf.range(0, count, 1, 'int32'), last));
}

/** As `pairwiseIou`: [a, b]. */
function graphIou(a: Tensor, b: Tensor): Tensor {
  const [m = 0, n = 0] = [a.shape[0], b.shape[0]];
  const corner = (x: Tensor, k: 0 | 2, shape: number[]) =>
    tf.reshape(tf.slice(x, [0, k], [x.shape[0] ?? 0, 2]), shape);
  const ends = (k: 0 | 2) => [corner(a, k, [m, 1, 2]), corner(b, k, [1, n, 2])] as const;
  const sides = tf.sub(tf.minimum(...ends(2)), tf.maximum(...ends(0)));
  const shared = tf.prod(tf.maximum(sides, tf.scalar(0)), 2);
  const area = (x: Tensor) => {
    const count = x.shape[0] ?? 0;
    return tf.prod(tf.sub(corner(x, 2, [count, 2]), corner(x, 0, [count, 2])), 1);
  };
  const sum = tf.add(tf.expandDims(area(a), 1), tf.expandDims(area(b), 0));
  const meets = tf.greater(shared, tf.scalar(0));
  const safe = tf.where(meets, tf.sub(sum, shared), tf.ones([m, n]));
  return tf.where(meets, tf.div(shared, safe), tf.zeros([m, n]));
}
