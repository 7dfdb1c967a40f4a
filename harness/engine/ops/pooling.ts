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
