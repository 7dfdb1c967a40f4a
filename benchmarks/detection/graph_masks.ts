import { castTo, op1 } from '../../harness/engine/op.ts';
import { rows } from '../../harness/engine/ops/indexing.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';

/** Outlines of the objects of a picture, filled up with zeros. */
export interface GraphOutlines {
  /** From corner to corner, x, y, x, y, in pixels: float64 [G, S, 4]. A side that is a point is none. */
  readonly sides: Tensor;
  /** Which polygon of its object a side belongs to, int32 [G, S]. */
  readonly parts: Tensor;
  /** Polygons that an object has, at most. */
  readonly most: number;
}

const FINE = 5; // points that the outline has a pixel

/**
 * As `maskTarget`, where the host cannot look: what of an object lies in each region, as `side` x `side` pixels. An outline
 * that is closed passes the middle of every column an even number of times, so each column is filled by itself: a pixel is
 * inside a polygon if the outline passes above it an odd number of times.
 * @param objects the object of each region, int32 [F]
 * @param boxes float32 [F, 4], without gradient
 * @returns float32 [F, side, side], 0 or 1
 */
export function graphMaskTargets(
  { sides, parts, most }: GraphOutlines,
  objects: Tensor,
  boxes: Tensor,
  side: number,
): Tensor {
  const [regions = 0] = objects.shape;
  const [, corners = 0] = parts.shape;
  const own = onFineGrid(rows(sides, objects), boxes, side);
  const { crosses, row } = crossings(own, side); // [F, S, side]
  const place = tf.minimum(tf.maximum(row, int(0)), int(side)); // beyond the last pixel: behind all
  const region = tf.reshape(tf.range(0, regions, 1, 'int32'), [regions, 1]);
  const polygon = tf.add(tf.mul(region, int(most)), rows(parts, objects)); // [F, S]
  const column = tf.add(
    tf.mul(tf.reshape(polygon, [regions, corners, 1]), int(side)),
    tf.range(0, side, 1, 'int32'),
  );
  const ids = tf.add(tf.mul(column, int(side + 1)), place);
  const count = regions * most * side * (side + 1);
  const passed = op1('UnsortedSegmentSum', [tf.cast(crosses, 'int32'), ids, int(count)]);
  const above = op1('Cumsum', [tf.reshape(passed, [regions, most, side, side + 1]), int(3)]);
  const odd = op1('Mod', [above, int(2)]);
  const any = tf.max(tf.slice(odd, [0, 0, 0, 0], [regions, most, side, side]), 1);
  return tf.cast(tf.transpose(any, [0, 2, 1]), 'float32');
}

/** The ends of sides on a grid of fifths of a pixel of the region, int32 [F, S] each. */
function onFineGrid(sides: Tensor, boxes: Tensor, side: number): readonly Tensor[] {
  const [regions = 0, corners = 0] = sides.shape;
  const from = tf.slice(boxes, [0, 0], [regions, 2]);
  const length = tf.sub(tf.slice(boxes, [0, 2], [regions, 2]), from);
  // A region of next to no length has the scale of a tenth of a pixel.
  const isLong = tf.greaterEqual(length, tf.scalar(0.1));
  const safe = tf.where(isLong, length, tf.ones([regions, 2]));
  const scale = tf.where(
    isLong,
    tf.div(tf.scalar(side), safe),
    tf.fill([regions, 2], Math.fround(side / 0.1)),
  );
  const twice = (x: Tensor) => tf.reshape(wide(tf.tile(x, [1, 2])), [regions, 1, 4]);
  const moved = op1('Mul', [op1('Sub', [sides, twice(from)]), twice(scale)]);
  const fine = truncated(op1('AddV2', [op1('Mul', [moved, constant(FINE)]), constant(0.5)]));
  return [0, 1, 2, 3].map((i) =>
    tf.reshape(tf.slice(fine, [0, 0, i], [regions, corners, 1]), [regions, corners, 1]),
  );
}

/**
 * Where sides pass from a point left of the middle of a column to one right of it, or back: a side is walked in
 * steps of one along its longer axis, reckoned from its lower end.
 */
function crossings([x0, y0, x1, y1]: readonly Tensor[], side: number) {
  if (!x0 || !y0 || !x1 || !y1) throw new Error('masks: a side has two ends');
  const [dx, dy] = [tf.abs(tf.sub(x1, x0)), tf.abs(tf.sub(y1, y0))];
  const isFlat = tf.greaterEqual(dx, dy);
  const back = tf.where(isFlat, tf.greater(x0, x1), tf.greater(y0, y1));
  const [xs, ys] = [tf.where(back, x1, x0), tf.where(back, y1, y0)];
  const [xe, ye] = [tf.where(back, x0, x1), tf.where(back, y0, y1)];
  const steps = tf.maximum(dx, dy);
  const rise = tf.where(isFlat, tf.sub(ye, ys), tf.sub(xe, xs));
  const slope = op1('RealDiv', [wide(rise), wide(tf.maximum(steps, int(1)))]);
  const left = tf.add(tf.mul(tf.range(0, side, 1, 'int32'), int(FINE)), int(2));
  const right = tf.add(left, int(1));
  const passes = tf.logicalAnd(
    tf.lessEqual(tf.minimum(xs, xe), left),
    tf.greaterEqual(tf.maximum(xs, xe), right),
  );

  const on = (start: Tensor, t: Tensor) =>
    truncated(
      op1('AddV2', [op1('AddV2', [wide(start), op1('Mul', [slope, wide(t)])]), constant(0.5)]),
    );
  const flat = tf.minimum(on(ys, tf.sub(left, xs)), on(ys, tf.sub(right, xs)));

  // The step of a steep side at which it passes, give or take one.
  const isLevel = op1('Equal', [slope, constant(0)]);
  const divisor = op1('SelectV2', [isLevel, constant(1), slope]);
  const middle = op1('AddV2', [wide(tf.sub(left, xs)), constant(0.5)]);
  const about = truncated(op1('Floor', [op1('RealDiv', [middle, divisor])]));
  const tries = [-1, 0, 1].map((more) => {
    const t = tf.add(about, int(more));
    const [here, next] = [on(xs, t), on(xs, tf.add(t, int(1)))];
    const inside = tf.logicalAnd(tf.greaterEqual(t, int(0)), tf.less(t, steps));
    const forth = tf.logicalAnd(tf.lessEqual(here, left), tf.greaterEqual(next, right));
    const or = tf.logicalAnd(tf.greaterEqual(here, right), tf.lessEqual(next, left));
    return { t, found: tf.logicalAnd(inside, tf.logicalOr(forth, or)) };
  });
  const t = tries.reduce((sum, one) => tf.where(one.found, one.t, sum), tf.zerosLike(about));
  const steep = tf.add(ys, t);

  const lower = tf.where(isFlat, flat, steep);
  return { crosses: passes, row: op1('FloorDiv', [tf.add(lower, int(2)), int(FINE)]) };
}

function int(value: number): Tensor {
  return tf.scalar(value, 'int32');
}

/** Of numbers that float32 has exactly. */
function constant(value: number): Tensor {
  return wide(tf.scalar(value));
}

function wide(x: Tensor): Tensor {
  return castTo(x, 'float64');
}

/** To whole numbers, towards zero, as C has it. */
function truncated(x: Tensor): Tensor {
  return castTo(x, 'int32');
}
