import { withGradient } from '../gradient.ts';
import { identity, op1 } from '../op.ts';
import { asTypeOf } from '../precision.ts';
import { type Tensor, tf } from '../tf.ts';

/** max(x, 0); the gradient at 0 is 0, as in PyTorch. */
export function relu(x: Tensor): Tensor {
  return withGradient([x], () => {
    const y = op1('Relu', [x]);
    return { value: y, gradients: (dy) => [op1('ReluGrad', [asTypeOf(dy, y), y])] };
  });
}

/**
 * Zeroes each element with probability `rate` and scales the rest by 1 / (1 - rate).
 * @param key int32 [2]: names the mask, so that the same step of the same run drops the same units.
 *   The bits are Philox's, the same on every device (StatelessRandomUniform).
 */
export function dropout(x: Tensor, rate: number, key: Tensor): Tensor {
  if (!(rate >= 0 && rate < 1)) throw new Error(`dropout: rate ${rate} is not in [0, 1)`);
  if (rate === 0) return identity(x);
  return dropoutWithMask(x, uniform(x.shape, key), rate);
}

/** Dropout with given uniform draws: an element is kept where its draw is at least `rate`. */
export function dropoutWithMask(x: Tensor, draws: Tensor, rate: number): Tensor {
  const kept = tf.cast(tf.greaterEqual(draws, tf.scalar(rate)), 'float32');
  const mask = tf.mul(kept, tf.scalar(1 / (1 - rate)));
  return withGradient([x], () => ({
    value: op1('Mul', [x, asTypeOf(mask, x)]),
    gradients: (dy) => [op1('Mul', [asTypeOf(dy, x), asTypeOf(mask, x)])],
  }));
}

/** Uniform draws in [0, 1) of a shape, from a counter-based generator. @param key int32 [2] */
export function uniform(shape: readonly number[], key: Tensor): Tensor {
  return op1('StatelessRandomUniform', [tf.tensor1d([...shape], 'int32'), key], {
    dtype: { dtype: 'float32' },
  });
}
