import { native } from '../capi.ts';
import { withGradient } from '../gradient.ts';
import { identity, op1 } from '../op.ts';
import { asTypeOf } from '../precision.ts';
import { dtypeInGraph, type Tensor, tf } from '../tf.ts';

/** max(x, 0); the gradient at 0 is 0, as in PyTorch. */
export function relu(x: Tensor): Tensor {
  return withGradient([x], () => {
    const y = op1('Relu', [x]);
    return { value: y, gradients: (dy) => [reluSlope(dy, y)] };
  });
}

/** max(a + b, 0), the end of a residual block. @param a, b of one shape */
export function addRelu(a: Tensor, b: Tensor): Tensor {
  return withGradient([a, b], () => {
    const sum = op1('AddV2', [a, asTypeOf(b, a)]);
    const y = inWords(sum) ? words(op1('Relu', [bits(sum)])) : op1('Relu', [sum]);
    return {
      value: y,
      gradients: (dy) => {
        const slope = reluSlope(dy, y);
        return [slope, identity(asTypeOf(slope, b))];
      },
    };
  });
}

/** dy where y > 0, else 0. */
function reluSlope(dy: Tensor, y: Tensor): Tensor {
  return op1('ReluGrad', [asTypeOf(dy, y), y]);
}

// A bfloat16 is negative where its bits are a negative int16, so Relu can be had on integers, which
// the CPU kernel does in a third of the time; there is no such kernel on a GPU. (Not so ReluGrad,
// whose integer kernel branches at every element.) A Relu behind a batch norm must stay one of
// bfloat16: the two run as one kernel.
const INT16 = 5;

function inWords(x: Tensor): boolean {
  return dtypeInGraph(x) === 'bfloat16' && native().library.device === 'cpu';
}

function bits(x: Tensor): Tensor {
  return op1('Bitcast', [x], { type: INT16 });
}

function words(x: Tensor): Tensor {
  return op1('Bitcast', [x], { type: { dtype: 'bfloat16' } });
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
