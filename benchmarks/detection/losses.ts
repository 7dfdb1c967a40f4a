import { withGradient } from '../../harness/engine/gradient.ts';
import { op1 } from '../../harness/engine/op.ts';
import { asTypeOf, toFloat } from '../../harness/engine/precision.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';

/**
 * Sum of the binary cross entropies with logits, each times its weight.
 * @param logits any shape, taken to float32
 * @param targets, weights float32 of that shape, without gradient
 */
export function binaryCrossEntropy(logits: Tensor, targets: Tensor, weights: Tensor): Tensor {
  return withGradient([logits], () => {
    const x = toFloat(logits);
    const rest = op1('Log1p', [tf.exp(tf.neg(tf.abs(x)))]);
    const losses = tf.add(tf.sub(tf.maximum(x, tf.scalar(0)), tf.mul(x, targets)), rest);
    return {
      value: tf.sum(tf.mul(losses, weights)),
      gradients: (dy) => {
        const slope = tf.mul(tf.sub(op1('Sigmoid', [x]), targets), weights);
        return [asTypeOf(tf.mul(slope, toFloat(dy)), logits)];
      },
    };
  });
}

/**
 * Sum of |x - target|, each times its weight: smooth L1 with beta 0. The gradient at 0 is 0, as in PyTorch.
 * @param values any shape, taken to float32
 * @param targets, weights float32 of that shape, without gradient
 */
export function absoluteError(values: Tensor, targets: Tensor, weights: Tensor): Tensor {
  return withGradient([values], () => {
    const gap = tf.sub(toFloat(values), targets);
    return {
      value: tf.sum(tf.mul(tf.abs(gap), weights)),
      gradients: (dy) => {
        const slope = tf.mul(op1('Sign', [gap]), weights);
        return [asTypeOf(tf.mul(slope, toFloat(dy)), values)];
      },
    };
  });
}
