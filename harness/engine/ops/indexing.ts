import { withGradient } from '../gradient.ts';
import { op1 } from '../op.ts';
import { asTypeOf, toFloat } from '../precision.ts';
import { type Tensor, tf } from '../tf.ts';

/**
 * Rows of `x` by index, y[i] = x[indices[i]]. The gradient adds the rows of dy at their indices, in
 * the order of i, so it is exact for a permutation and its bits never depend on threads.
 * @param x [N, …]
 * @param indices int32 [M], each in 0..N-1; another index stops the run
 * @returns [M, …]
 */
export function rows(x: Tensor, indices: Tensor): Tensor {
  if (indices.rank !== 1) throw new Error(`rows: indices [${indices.shape}] are not a list`);
  const [count = 0] = x.shape;
  return withGradient([x], () => ({
    value: op1('GatherV2', [x, indices, tf.scalar(0, 'int32')]),
    gradients: (dy) => [asTypeOf(placedAt(dy, indices, count), x)],
  }));
}

/** Sums of the rows of `values` at their indices, float32 [count, …]; zeros where there are none. Not differentiable. */
export function placedAt(values: Tensor, indices: Tensor, count: number): Tensor {
  return op1('UnsortedSegmentSum', [toFloat(values), indices, tf.scalar(count, 'int32')]);
}

/**
 * Rows to be written at indices. Where an index occurs more than once, all its rows become the last
 * of them, so that the order of writing does not matter.
 * @param at int32 [M]
 * @param values [M, …]
 */
export function lastOfEach(at: Tensor, values: Tensor): Tensor {
  const [count = 0] = at.shape;
  const same = op1('Equal', [tf.reshape(at, [count, 1]), tf.reshape(at, [1, count])]);
  const place = tf.range(0, count, 1, 'int32');
  const last = tf.max(tf.mul(tf.cast(same, 'int32'), tf.reshape(place, [1, count])), 1);
  return op1('GatherV2', [values, last, tf.scalar(0, 'int32')]);
}

/**
 * Each row `copies` times in a row, y[copies n + c] = x[n].
 * @param x [N, …]
 * @returns [copies N, …]
 */
export function repeated(x: Tensor, copies: number): Tensor {
  const [count = 0, ...rest] = x.shape;
  return withGradient([x], () => {
    const apart = tf.reshape(x, [count, 1, ...rest]);
    const shape = tf.tensor1d([count, copies, ...rest], 'int32');
    const value = op1('BroadcastTo', [apart, shape]);
    return {
      value: tf.reshape(value, [copies * count, ...rest]),
      gradients: (dy) => {
        const together = tf.reshape(toFloat(dy), [count, copies, ...rest]);
        return [asTypeOf(tf.sum(together, 1), x)];
      },
    };
  });
}

/** The inverse of a permutation: int32 [N] → int32 [N], so that y[inverse[i]] = i. */
export function inverse(permutation: Tensor): Tensor {
  return op1('InvertPermutation', [permutation]);
}
