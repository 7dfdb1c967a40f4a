import { op1 } from '../op.ts';
import { bySize, dtypeInGraph, sizesAreFree, type Tensor, tf } from '../tf.ts';
import { taken } from './every_nth.ts';

/** Zeros above, below, left and right of an image. */
export type Edges = readonly [number, number, number, number];

/** From how many pixels on `crossProduct` turns a product around. */
const MANY_PIXELS = 1024;

/**
 * x' dy, the filter gradient of a 1x1 convolution. In float32 it is computed as (dy' x)' where
 * there are many pixels and fewer outputs than inputs: oneDNN's product of a transposed matrix is
 * slower the wider that matrix is. Measured: reports/measurements.md, "Filter gradients of 1x1
 * convolutions, turned around".
 * @param x [pixels, C]
 * @param dy [pixels, O]
 * @returns [C, O]
 */
export function crossProduct(x: Tensor, dy: Tensor): Tensor {
  const [pixels = 0, inputs = 0] = x.shape;
  const [, outputs = 0] = dy.shape;
  const many = () => pixels >= MANY_PIXELS;
  const turned = dtypeInGraph(x) === 'float32' && inputs > outputs && bySize(many);
  if (!turned) return op1('MatMul', [x, dy], { transpose_a: true });
  const product = op1('MatMul', [dy, x], { transpose_a: true });
  return op1('Transpose', [product, tf.tensor1d([1, 0], 'int32')]);
}

/**
 * The filter gradient of a strided 1x1 convolution without padding, as a matrix product: oneDNN's
 * writes past its memory, where threads are more than images.
 */
export function strided1x1Slope(x: Tensor, dy: Tensor, stride: number): Tensor {
  const [, , , channels = 0] = x.shape;
  const [, , , outputs = 0] = dy.shape;
  const pixels = tf.reshape(taken(x, stride), [-1, channels]);
  const slope = tf.reshape(dy, [-1, outputs]);
  return tf.reshape(crossProduct(pixels, slope), [1, 1, channels, outputs]);
}

/**
 * Whether `productSlope` takes less time than oneDNN's filter gradient, which cuts its work up by
 * pixels and so has little to cut up in small images: measured on the 3x3 filters of ResNets at 224
 * and 32 pixels (reports/measurements.md, "Filter gradients of small images").
 */
export function fewPixels(dy: Tensor, taps: readonly number[], stride: number): boolean {
  const [, h = 0, w = 0] = dy.shape;
  const [kh = 0, kw = 0] = taps;
  const [plain, strided] = dtypeInGraph(dy) === 'bfloat16' ? [49, 196] : [4, 49];
  return kh * kw <= 9 && bySize(() => h * w <= (stride === 1 ? plain : strided));
}

interface Window {
  readonly stride: number;
  /** Zeros around the image; those below and to the right may be more than the filter reaches. */
  readonly edges: Edges;
}

/**
 * The filter gradient as one matrix product: what each tap saw, [pixels, kh kw C], transposed, times
 * the slope, [pixels, O].
 * @param image [N, H, W, C] without padding
 * @param dy [N, H', W', O], element type of the image
 * @param taps shape of the filter
 */
export function productSlope(
  image: Tensor,
  dy: Tensor,
  taps: readonly number[],
  window: Window,
): Tensor {
  const outputs = dy.shape[3] ?? 0;
  const seen = seenByTaps(image, dy.shape, taps, window);
  const [first] = seen;
  if (first === undefined) throw new Error(`conv2d: a filter [${taps}] without taps`);
  const axis = tf.scalar(1, 'int32');
  const matrix = seen.length === 1 ? first : op1('ConcatV2', [...seen, axis], { N: seen.length });
  const slope = tf.reshape(dy, [-1, outputs]);
  return tf.reshape(op1('MatMul', [matrix, slope], { transpose_a: true }), [...taps]);
}

/** Zeros before and behind an image up to a whole shape, by the size that it has when it is there: int32 [4, 2]. */
function freePaddings(image: Tensor, zeros: readonly number[], whole: readonly number[]): Tensor {
  const before = tf.tensor1d([...zeros], 'int32');
  const length = op1('Shape', [image], { out_type: { dtype: 'int32' } });
  const behind = tf.sub(tf.sub(tf.tensor1d([...whole], 'int32'), length), before);
  return op1('Pack', [before, behind], { axis: 1 });
}

/** For each tap the pixels that it meets, one for each output pixel: [N H' W', C]. */
function seenByTaps(
  image: Tensor,
  [, h = 0, w = 0]: readonly number[],
  [kh = 0, kw = 0]: readonly number[],
  { stride, edges: [top, , left] }: Window,
): Tensor[] {
  const [n = 0, height = 0, width = 0, channels = 0] = image.shape;
  // Whole blocks of stride x stride pixels: what is copied then are rows of channels.
  const rows = stride * Math.ceil(Math.max(top + height, stride * (h - 1) + kh) / stride);
  const columns = stride * Math.ceil(Math.max(left + width, stride * (w - 1) + kw) / stride);
  const edges = [0, 0, top, rows - top - height, left, columns - left - width, 0, 0];
  const paddings = () =>
    stride > 1 && sizesAreFree()
      ? freePaddings(image, [0, top, left, 0], [n, rows, columns, channels])
      : tf.tensor2d(edges, [4, 2], 'int32');
  const padded = edges.some((edge) => edge > 0) ? op1('Pad', [image, paddings()]) : image;
  const shape = [n, rows / stride, stride, columns / stride, stride * channels];
  const blocks = tf.reshape(padded, shape);
  const size = tf.tensor1d([n, h, 1, w, channels], 'int32');
  return Array.from({ length: kh * kw }, (_, tap) => {
    const [i, j] = [Math.floor(tap / kw), tap % kw];
    const row = [Math.floor(i / stride), i % stride];
    const begin = [0, ...row, Math.floor(j / stride), (j % stride) * channels];
    const pixels = op1('Slice', [blocks, tf.tensor1d(begin, 'int32'), size]);
    return tf.reshape(pixels, [n * h * w, channels]);
  });
}
