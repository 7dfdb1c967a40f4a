import { withGradient } from '../gradient.ts';
import { op1 } from '../op.ts';
import { asTypeOf, toFloat } from '../precision.ts';
import { type Tensor, tf } from '../tf.ts';

export interface PoolOptions {
  /** Side of the window, in pixels. */
  readonly size: number;
  readonly stride: number;
  /** Pixels on each side that never win (max) or count (average). */
  readonly padding?: number;
}

/**
 * Maximum over square windows; padding counts as minus infinity.
 * @param x [N, H, W, C]
 * @returns [N, floor((H + 2 padding - size) / stride) + 1, …, C]
 */
export function maxPool(x: Tensor, { size, stride, padding = 0 }: PoolOptions): Tensor {
  const attrs = {
    ksize: [1, size, size, 1],
    strides: [1, stride, stride, 1],
    padding: 'VALID',
    data_format: 'NHWC',
  };
  return withGradient([x], () => {
    const edges = tf.tensor2d([0, 0, padding, padding, padding, padding, 0, 0], [4, 2], 'int32');
    const lowest = asTypeOf(tf.scalar(-3.3e38), x);
    const padded = padding === 0 ? x : op1('PadV2', [x, edges, lowest]);
    const y = op1('MaxPool', [padded], attrs);
    return {
      value: y,
      gradients: (dy) => [
        unpadded(op1('MaxPoolGrad', [padded, y, asTypeOf(dy, x)], attrs), x, padding),
      ],
    };
  });
}

/** Mean over square windows; zeros of the padding count, as in PyTorch. @param x [N, H, W, C] */
export function avgPool(x: Tensor, { size, stride, padding = 0 }: PoolOptions): Tensor {
  const attrs = {
    ksize: [1, size, size, 1],
    strides: [1, stride, stride, 1],
    padding: 'VALID',
    data_format: 'NHWC',
  };
  return withGradient([x], () => {
    const edges = tf.tensor2d([0, 0, padding, padding, padding, padding, 0, 0], [4, 2], 'int32');
    const padded = padding === 0 ? x : op1('Pad', [x, edges]);
    const shape = tf.tensor1d(padded.shape, 'int32');
    return {
      value: op1('AvgPool', [padded], attrs),
      gradients: (dy) => [
        unpadded(op1('AvgPoolGrad', [shape, asTypeOf(dy, x)], attrs), x, padding),
      ],
    };
  });
}

/** The middle of a gradient with respect to a padded `x`. */
function unpadded(gradient: Tensor, x: Tensor, padding: number): Tensor {
  if (padding === 0) return gradient;
  const begin = tf.tensor1d([0, padding, padding, 0], 'int32');
  return op1('Slice', [gradient, begin, tf.tensor1d(x.shape, 'int32')]);
}

/** Mean over all pixels, in float32. @param x [N, H, W, C] @returns [N, C] */
export function globalAvgPool(x: Tensor): Tensor {
  const [, height = 1, width = 1] = x.shape;
  return withGradient([x], () => ({
    value: tf.mean(toFloat(x), [1, 2]),
    gradients: (dy) => {
      const share = asTypeOf(tf.div(toFloat(dy), tf.scalar(height * width)), x);
      const [n = 0, channels = 0] = dy.shape;
      const column = tf.reshape(share, [n, 1, 1, channels]);
      return [op1('BroadcastTo', [column, tf.tensor1d(x.shape, 'int32')])];
    },
  }));
}

/**
 * All values of a map in the order C, H, W, in which files keep the weights of a layer that follows.
 * @param x [N, H, W, C]
 * @returns [N, C H W], float32
 */
export function flattened(x: Tensor): Tensor {
  const [count = 0, height = 0, width = 0, channels = 0] = x.shape;
  const turned = (values: Tensor, axes: number[]) =>
    op1('Transpose', [values, tf.tensor1d(axes, 'int32')]);
  return withGradient([x], () => ({
    value: tf.reshape(turned(toFloat(x), [0, 3, 1, 2]), [count, channels * height * width]),
    gradients: (dy) => {
      const map = tf.reshape(toFloat(dy), [count, channels, height, width]);
      return [asTypeOf(turned(map, [0, 2, 3, 1]), x)];
    },
  }));
}

/**
 * Mean over `size` x `size` bins, as torch.nn.AdaptiveAvgPool2d: bin i of n pixels goes from
 * floor(i n / size) to ceil((i + 1) n / size), so that neighbours overlap where size does not divide n.
 * Has no gradient: for features of frozen layers.
 * @param x [N, H, W, C]
 * @returns [N, size, size, C], float32
 */
export function adaptiveAvgPool(x: Tensor, size: number): Tensor {
  const [count = 0, height = 0, width = 0, channels = 0] = x.shape;
  const down = tf.tensor3d(binShares(height, size), [1, size, height]);
  const across = tf.tensor3d(binShares(width, size), [1, size, width]);
  const columns = tf.reshape(toFloat(x), [count, height, width * channels]);
  const rows = op1('BatchMatMulV2', [down, columns]); // [N, size, W C]
  const apart = tf.reshape(rows, [count * size, width, channels]);
  return tf.reshape(op1('BatchMatMulV2', [across, apart]), [count, size, size, channels]);
}

/** How much each of n pixels counts in each bin: [size, n], rows sum to 1. */
function binShares(n: number, size: number): number[] {
  return Array.from({ length: size }, (_, bin) => {
    const from = Math.floor((bin * n) / size);
    const to = Math.ceil(((bin + 1) * n) / size);
    return Array.from({ length: n }, (__, i) => (i >= from && i < to ? 1 / (to - from) : 0));
  }).flat();
}
