import { withGradient } from '../../harness/engine/gradient.ts';
import { op1 } from '../../harness/engine/op.ts';
import { asTypeOf, toFloat } from '../../harness/engine/precision.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import { type Boxes, boxAt, boxCount } from './boxes.ts';

export interface RoiAlignSpec {
  /** Rows and columns that each region is pooled to. */
  readonly output: number;
  /** Cells of the feature map over pixels of the image: 1 / 16. */
  readonly scale: number;
  /** Samples of a bin along each axis; 0: as many as a bin has cells, rounded up. */
  readonly samplingRatio: number;
  /** Half a cell is taken off, after scaling; without, a region is at least one cell wide and high. */
  readonly aligned: boolean;
}

/**
 * ROIAlign, He et al. 2017, arXiv:1703.06870, on one image. Samples are weighted along y and x apart and one that lies
 * outside along either counts nothing, so that the mean over a bin's samples is a product of one matrix for
 * each axis: out = Y F X'. So is the gradient; nothing is scattered, and bits do not depend on threads.
 * @param features [H, W, C], taken to float32: weights of samples have no room in bf16
 * @param boxes float32 [R, 4], pixels of the image; they carry no gradient
 * @param most samples of a bin along an axis that any of the boxes may have: `mostSamples`
 * @returns [R, output, output, C], of the features' type
 */
export function roiAlign(
  features: Tensor,
  boxes: Tensor,
  spec: RoiAlignSpec,
  most: number,
): Tensor {
  const [height = 0, width = 0, channels = 0] = features.shape;
  const [count = 0] = boxes.shape;
  const { output } = spec;
  return withGradient([features], () => {
    const side = (axis: number) => op1('Slice', [boxes, ...corner(axis, count)]);
    const down = axisShares(side(1), side(3), height, spec, most); // [R, output, H]
    const across = axisShares(side(0), side(2), width, spec, most); // [R, output, W]
    const rows = tf.reshape(down, [count * output, height]);
    const columns = tf.reshape(across, [count, 1, output, width]);
    const image = tf.reshape(toFloat(features), [height, width * channels]);
    const tall = tf.reshape(op1('MatMul', [rows, image]), [count, output, width, channels]);
    return {
      value: asTypeOf(op1('BatchMatMulV2', [columns, tall]), features),
      gradients: (dy) => {
        const wide = op1('BatchMatMulV2', [columns, toFloat(dy)], { adj_x: true });
        const slope = tf.reshape(wide, [count * output, width * channels]);
        const summed = op1('MatMul', [rows, slope], { transpose_a: true });
        return [asTypeOf(tf.reshape(summed, [height, width, channels]), features)];
      },
    };
  });
}

/** Begin and size of one column of [R, 4]. */
function corner(column: number, count: number): Tensor[] {
  return [tf.tensor1d([0, column], 'int32'), tf.tensor1d([count, 1], 'int32')];
}

/**
 * How much each of `size` cells counts in each bin of each region, along one axis.
 * @param from, to float32 [R, 1]: where regions begin and end, pixels
 * @returns float32 [R, output, size]
 */
function axisShares(
  from: Tensor,
  to: Tensor,
  size: number,
  { output, scale, samplingRatio, aligned }: RoiAlignSpec,
  most: number,
): Tensor {
  const [count = 0] = from.shape;
  const place = (pixel: Tensor) =>
    tf.sub(tf.mul(toFloat(pixel), tf.scalar(scale)), tf.scalar(aligned ? 0.5 : 0));
  const start = place(from);
  const length = tf.sub(place(to), start);
  const extent = aligned ? length : tf.maximum(length, tf.scalar(1));
  const bin = tf.div(extent, tf.scalar(output)); // [R, 1]
  const given = tf.fill([count, 1], samplingRatio);
  const samples = samplingRatio > 0 ? given : op1('Neg', [op1('Floor', [op1('Neg', [bin])])]);
  /** Over the samples of each region; a given count is one number, as constants of a whole vector are no divisors. */
  const overSamples = (x: Tensor, shape: number[]) =>
    tf.div(
      x,
      samplingRatio > 0
        ? tf.scalar(samplingRatio)
        : tf.reshape(tf.maximum(samples, tf.scalar(1)), shape),
    );
  const bins = tf.range(0, output, 1, 'float32');
  const steps = tf.range(0, most, 1, 'float32');
  const starts = tf.reshape(tf.add(start, tf.mul(bins, bin)), [count, output, 1]);
  const within = overSamples(tf.mul(tf.add(steps, tf.scalar(0.5)), bin), [count, 1]); // [R, most]
  const sample = tf.add(starts, tf.reshape(within, [count, 1, most]));
  const taken = tf.reshape(tf.less(steps, samples), [count, 1, most]);
  const inside = tf.logicalAnd(
    tf.greaterEqual(sample, tf.scalar(-1)),
    tf.lessEqual(sample, tf.scalar(size)),
  );
  const counts = tf.cast(tf.logicalAnd(inside, taken), 'float32');
  const weight = overSamples(counts, [count, 1, 1]);
  const moved = tf.minimum(tf.maximum(sample, tf.scalar(0)), tf.scalar(size - 1));
  const cells = tf.range(0, size, 1, 'float32');
  const apart = tf.abs(tf.sub(tf.reshape(moved, [count, output, most, 1]), cells));
  const hat = tf.maximum(tf.sub(tf.scalar(1), apart), tf.scalar(0)); // [R, output, most, size]
  return tf.sum(tf.mul(hat, tf.reshape(weight, [count, output, most, 1])), 2);
}

/** The most samples that a bin of any of these boxes has along an axis. */
export function mostSamples(boxes: Boxes, { output, scale, samplingRatio }: RoiAlignSpec): number {
  if (samplingRatio > 0) return samplingRatio;
  const sides = Array.from({ length: boxCount(boxes) }, (_, i) => {
    const [x1, y1, x2, y2] = boxAt(boxes, i);
    return Math.max(x2 - x1, y2 - y1);
  });
  // One more than follows from exact numbers: lengths are rounded to float32 in the graph.
  return Math.max(1, Math.ceil((Math.max(0, ...sides) * scale) / output)) + 1;
}

/** The same for all boxes that lie within the image of a feature map. */
export function mostSamplesWithin(
  { shape: [, height = 0, width = 0] }: Pick<Tensor, 'shape'>,
  { output, samplingRatio }: RoiAlignSpec,
): number {
  return samplingRatio > 0 ? samplingRatio : Math.ceil(Math.max(height, width) / output) + 1;
}
