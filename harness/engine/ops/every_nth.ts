import { sizeOf } from '../array.ts';
import { withGradient } from '../gradient.ts';
import { op1 } from '../op.ts';
import { asTypeOf } from '../precision.ts';
import { sizesAreFree, type Tensor, tf } from '../tf.ts';

/** From how many products of two numbers on it pays. The graphs of all goldens stay below. */
const LARGE = 1 << 28;

const ints = (...list: number[]) => tf.tensor1d(list, 'int32');

/**
 * Whether a strided 1x1 convolution takes less time as the product of the pixels that it sees,
 * which the filter gradient needs as well. Measured: reports/measurements.md, "Products in place of
 * strided 1x1 convolutions".
 */
export function paysAsProduct(x: Tensor, stride: number, outputs: number): boolean {
  const [, height = 0, width = 0] = x.shape;
  const even = height % stride === 0 && width % stride === 0;
  return !sizesAreFree() && even && (sizeOf(x.shape) / stride ** 2) * outputs >= LARGE;
}

/** Each `stride`-th pixel of both axes, from the first: [N, H, W, C] → [N, ceil(H / stride), …, C]. */
export function everyNth(x: Tensor, stride: number): Tensor {
  return withGradient([x], () => ({
    value: taken(x, stride),
    gradients: (dy) => [spread(asTypeOf(dy, x), stride, x.shape)],
  }));
}

/** `everyNth`, not differentiable. */
export function taken(x: Tensor, stride: number): Tensor {
  const [n = 0, height = 0, width = 0, channels = 0] = x.shape;
  if (sizesAreFree() || height % stride !== 0 || width % stride !== 0)
    return op1('StridedSlice', [
      x,
      ints(0, 0, 0, 0),
      ints(n, height, width, channels),
      ints(1, stride, stride, 1),
    ]);
  // Whole rows of channels are copied here, single elements above.
  const [h, w] = [height / stride, width / stride];
  const blocks = tf.reshape(x, [n, h, stride, w, stride * channels]);
  const first = op1('Slice', [blocks, ints(0, 0, 0, 0, 0), ints(n, h, 1, w, channels)]);
  return tf.reshape(first, [n, h, w, channels]);
}

/** Pixels back where `everyNth` took them from, zeros between. */
function spread(pixels: Tensor, stride: number, shape: readonly number[]): Tensor {
  const [n = 0, h = 0, w = 0, channels = 0] = pixels.shape;
  const blocks = tf.reshape(pixels, [n, h, 1, w, channels]);
  const gaps = [0, 0, 0, 0, 0, stride - 1, 0, 0, 0, (stride - 1) * channels];
  const apart = op1('Pad', [blocks, tf.tensor2d(gaps, [5, 2], 'int32')]);
  const [, height = 0, width = 0] = shape;
  const whole = tf.reshape(apart, [n, h * stride, w * stride, channels]);
  if (height === h * stride && width === w * stride) return whole;
  return op1('Slice', [whole, ints(0, 0, 0, 0), ints(...shape)]);
}
