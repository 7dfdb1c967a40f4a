import { UserError } from '../../base/errors.ts';
import { withGradient } from '../gradient.ts';
import type { Attrs } from '../graph/description.ts';
import { op1 } from '../op.ts';
import { asTypeOf, toCompute, toFloat } from '../precision.ts';
import { dtypeInGraph, sizesAreFree, type Tensor, tf } from '../tf.ts';
import { everyNth, paysAsProduct } from './every_nth.ts';
import {
  crossProduct,
  type Edges,
  fewPixels,
  productSlope,
  strided1x1Slope,
} from './filter_gradient.ts';

export interface ConvolutionOptions {
  /** Step between outputs, in pixels, both axes. */
  readonly stride?: number;
  /** Zeros on each side, in pixels: both axes, or [rows, columns]. */
  readonly padding?: number | readonly [number, number];
  /** Distance between filter taps, in pixels, both axes. */
  readonly dilation?: number;
}

/**
 * 2-D cross-correlation, as PyTorch's conv2d without bias.
 * @param x [N, H, W, C]
 * @param filter [kh, kw, C, O], float32; computed in the precision of the trace
 * @returns [N, H', W', O], H' = floor((H + 2 padding - dilation (kh - 1) - 1) / stride) + 1
 * @throws UserError when the channels differ or the window does not fit.
 */
export function conv2d(
  x: Tensor,
  filter: Tensor,
  { stride = 1, padding = 0, dilation = 1 }: ConvolutionOptions = {},
): Tensor {
  const pads = typeof padding === 'number' ? ([padding, padding] as const) : padding;
  checkShapes(x, filter, pads, dilation);
  const dense = dilation === 1 ? filter : stretched(filter, dilation);
  const [, height = 0, width = 0] = x.shape;
  const [kh = 0, kw = 0, channels = 0, outputs = 0] = dense.shape;
  const rows = reach(height, kh, stride, pads[0]);
  const columns = reach(width, kw, stride, pads[1]);
  const used = [rows.taps, columns.taps, channels, outputs];
  const whole = rows.taps === kh && columns.taps === kw;
  const taps = whole ? dense : tf.slice(dense, [rows.first, columns.first, 0, 0], used);
  const edges: Edges = [rows.before, rows.after, columns.before, columns.after];
  const same =
    stride === 1 && edges.every((edge, i) => 2 * edge === (i < 2 ? rows.taps : columns.taps) - 1);
  if (isSingle(taps, edges)) {
    if (stride === 1) return pointwise(x, taps);
    if (paysAsProduct(x, stride, outputs)) return pointwise(everyNth(x, stride), taps);
  }
  const attrs = {
    strides: [1, stride, stride, 1],
    data_format: 'NHWC',
    padding: same ? 'SAME' : 'VALID',
  };
  return convolve(x, taps, { attrs, stride, same, edges, free: whole && stride > 1 });
}

/**
 * A 1x1 convolution as the matrix product that it is. Measured: reports/measurements.md, "1x1
 * convolutions as products".
 */
function pointwise(x: Tensor, filter: Tensor): Tensor {
  const [, , inputs = 0, outputs = 0] = filter.shape;
  return withGradient([x, filter], () => {
    const pixels = tf.reshape(toCompute(x), [-1, inputs]);
    const matrix = tf.reshape(toCompute(filter), [inputs, outputs]);
    const product = op1('MatMul', [pixels, matrix]);
    return {
      value: tf.reshape(product, [...x.shape.slice(0, 3), outputs]),
      gradients: (dy) => {
        const slope = tf.reshape(asTypeOf(dy, pixels), [-1, outputs]);
        const weights = crossProduct(pixels, slope);
        return [
          tf.reshape(timesTransposed(slope, matrix), [...x.shape]),
          tf.reshape(toFloat(weights), [...filter.shape]),
        ];
      },
    };
  });
}

/**
 * a b'. In float32 b is transposed beforehand: oneDNN's product of a transposed matrix loses more
 * than that costs where there are few pixels. Measured: reports/measurements.md, "Input gradients
 * of 1x1 convolutions".
 */
function timesTransposed(a: Tensor, b: Tensor): Tensor {
  if (dtypeInGraph(a) !== 'float32') return op1('MatMul', [a, b], { transpose_b: true });
  return op1('MatMul', [a, op1('Transpose', [b, tf.tensor1d([1, 0], 'int32')])]);
}

interface Settings {
  readonly attrs: Attrs;
  readonly stride: number;
  /** TensorFlow's own padding is the same as `edges`. */
  readonly same: boolean;
  readonly edges: Edges;
  /** Zeros behind an image follow from its size. */
  readonly free: boolean;
}

/**
 * The taps of a filter that meet a pixel at all, along one axis. The others see nothing but padding:
 * in the last stages of small images that is most of a 3x3 filter, and all of its cost. One tap stays
 * where none meets a pixel.
 */
function reach(length: number, taps: number, stride: number, padding: number) {
  const steps = Math.floor((length + 2 * padding - taps) / stride);
  const first = Math.min(taps - 1, Math.max(0, padding - steps * stride));
  const last = Math.min(taps, padding + length) - 1;
  const before = padding - first;
  const after = Math.max(0, steps * stride + last + 1 - first - before - length);
  return { first, taps: last - first + 1, before, after };
}

/**
 * Zeros are added by an op of their own where TensorFlow's SAME is not the same padding: with
 * explicit paddings the gradients fall out of oneDNN, and in bf16 take 50 times as long and sum in
 * bf16.
 */
function convolve(x: Tensor, filter: Tensor, settings: Settings): Tensor {
  const { attrs, stride, same, free } = settings;
  const [top, bottom, left, right] = settings.edges;
  const pads = !same && top + bottom + left + right > 0;
  const single = isSingle(filter, settings.edges) && stride > 1;
  const filterSize = tf.tensor1d(filter.shape, 'int32');
  return withGradient([x, filter], () => {
    const image = toCompute(x);
    const weights = toCompute(filter);
    const edges = () => tf.tensor2d([0, 0, top, bottom, left, right, 0, 0], [4, 2], 'int32');
    const paddings = () =>
      free && sizesAreFree() ? freeEdges(image, weights.shape, settings) : edges();
    const input = pads ? op1('Pad', [image, paddings()]) : image;
    const inputSize = tf.tensor1d(input.shape, 'int32');
    const begin = tf.tensor1d([0, top, left, 0], 'int32');
    return {
      value: op1('Conv2D', [input, weights], attrs),
      gradients: (dy) => {
        const gradient = asTypeOf(dy, input);
        const slope = op1('Conv2DBackpropInput', [inputSize, weights, gradient], attrs);
        const weightSlope = single
          ? strided1x1Slope(input, gradient, stride)
          : fewPixels(gradient, filter.shape, stride)
            ? productSlope(image, gradient, filter.shape, settings)
            : op1('Conv2DBackpropFilter', [input, filterSize, gradient], attrs);
        return [
          pads ? op1('Slice', [slope, begin, tf.tensor1d(x.shape, 'int32')]) : slope,
          toFloat(weightSlope),
        ];
      },
    };
  });
}

/** `edges` as `reach` has them for a whole filter, by the size that an image has when it is there: int32 [4, 2]. */
function freeEdges(image: Tensor, [kh = 0, kw = 0]: readonly number[], settings: Settings): Tensor {
  const [top, , left] = settings.edges;
  const four = (rows: number, columns: number, rest: number) =>
    tf.tensor1d([rest, rows, columns, rest], 'int32');
  const [before, taps] = [four(top, left, 0), four(kh, kw, 1)];
  const step = four(settings.stride, settings.stride, 1);
  const length = op1('Shape', [image], { out_type: { dtype: 'int32' } });
  const room = tf.sub(tf.add(length, tf.add(before, before)), taps);
  const reached = tf.add(tf.mul(op1('FloorDiv', [room, step]), step), taps);
  const after = tf.maximum(tf.sub(tf.sub(reached, before), length), tf.scalar(0, 'int32'));
  return op1('Pack', [before, after], { axis: 1 });
}

/** A 1x1 filter without padding: each output sees one pixel. */
function isSingle({ shape: [kh, kw] }: Tensor, edges: Edges): boolean {
  return kh === 1 && kw === 1 && edges.every((edge) => edge === 0);
}

/**
 * The filter with `dilation - 1` zeros between its taps: CPU kernels have no gradient of a dilated
 * convolution. [kh, kw, C, O] → [dilation (kh - 1) + 1, …, C, O]
 */
function stretched(filter: Tensor, dilation: number): Tensor {
  const [kh = 0, kw = 0, channels = 0, outputs = 0] = filter.shape;
  const tail = channels * outputs;
  const apart = (taps: Tensor, before: number, count: number, after: number) => {
    const rows = tf.reshape(taps, [before * count, 1, after]);
    const spread = tf.pad(rows, [
      [0, 0],
      [0, dilation - 1],
      [0, 0],
    ]);
    const long = tf.reshape(spread, [before, count * dilation, after]);
    return tf.slice(long, [0, 0, 0], [before, dilation * (count - 1) + 1, after]);
  };
  const tall = apart(filter, 1, kh, kw * tail);
  const height = dilation * (kh - 1) + 1;
  const wide = apart(tall, height, kw, tail);
  return tf.reshape(wide, [height, dilation * (kw - 1) + 1, channels, outputs]);
}

function checkShapes(
  x: Tensor,
  filter: Tensor,
  [top, left]: readonly [number, number],
  dilation: number,
): void {
  const [, height = 0, width = 0, channels] = x.shape;
  const [kh = 0, kw = 0, expected] = filter.shape;
  if (x.rank !== 4 || filter.rank !== 4 || channels !== expected)
    throw new UserError(
      `conv2d: input [${x.shape}] and filter [${filter.shape}] do not fit; expected [N, H, W, C] and [kh, kw, C, O]`,
    );
  if (height + 2 * top < dilation * (kh - 1) + 1 || width + 2 * left < dilation * (kw - 1) + 1)
    throw new UserError(
      `conv2d: a ${kh}x${kw} filter (dilation ${dilation}) does not fit into ${height}x${width} with padding ${top}, ${left}; use larger images or a smaller stem`,
    );
}
