import { withGradient } from '../gradient.ts';
import { op1 } from '../op.ts';
import { asTypeOf } from '../precision.ts';
import { type Tensor, tf } from '../tf.ts';
import { rectified, rectifiedSlope } from './passes.ts';

/** max(x, 0); the gradient at 0 is 0, as in PyTorch. */
export function relu(x: Tensor): Tensor {
  return withGradient([x], () => {
    const y = rectified(x);
    return { value: y, gradients: (dy) => [rectifiedSlope(asTypeOf(dy, y), y)] };
  });
}

/**
 * What dropout multiplies with: 0 where a uniform draw is below `rate`, 1 / (1 - rate) elsewhere.
 * @param rate 0 <= rate < 1
 */
export function dropoutMask(draws: Tensor, rate: number): Tensor {
  if (!(rate >= 0 && rate < 1)) throw new Error(`dropout: rate ${rate} is not in [0, 1)`);
  const kept = tf.cast(tf.greaterEqual(draws, tf.scalar(rate)), 'float32');
  return tf.mul(kept, tf.scalar(1 / (1 - rate)));
}

/** x times a constant mask of its shape. */
export function masked(x: Tensor, mask: Tensor): Tensor {
  return withGradient([x], () => ({
    value: op1('Mul', [x, asTypeOf(mask, x)]),
    gradients: (dy) => [op1('Mul', [asTypeOf(dy, x), asTypeOf(mask, x)])],
  }));
}

/**
 * Uniform draws in [0, 1) of a shape, Philox's bits: the same on every device.
 * @param key int32 [2]: names the draws, so that the same step of the same run makes the same ones
 */
export function uniform(shape: readonly number[], key: Tensor): Tensor {
  return op1('StatelessRandomUniform', [tf.tensor1d([...shape], 'int32'), key], {
    dtype: { dtype: 'float32' },
  });
}
