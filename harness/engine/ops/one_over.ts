import { op1 } from '../op.ts';
import { type Tensor, tf } from '../tf.ts';

/**
 * 1 / x, rounded as IEEE 754 says on every CPU. TensorFlow's optimiser replaces a division of a constant one by
 * Reciprocal, which begins with the processor's own estimate (`vrcp14ps`, `rcpps`); AMD and Intel make that
 * differently. It leaves a division of minus one as it is, and a change of sign is exact.
 * @param x float32
 */
export function oneOver(x: Tensor): Tensor {
  return op1('Neg', [op1('RealDiv', [tf.scalar(-1), x])]);
}
