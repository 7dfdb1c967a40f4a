import { op1 } from '../op.ts';
import { type Tensor, tf } from '../tf.ts';

/**
 * 1 / sqrt(x), by a root and a division, which every CPU rounds as IEEE 754 says. TensorFlow's Rsqrt begins with the
 * processor's own estimate (`vrsqrt14ps`, `rsqrtps`), which AMD and Intel make differently, and its one step of
 * Newton's method does not bring both to the same bits. `Reciprocal` is left out for the same reason.
 * @param x float32, positive
 */
export function inverseRoot(x: Tensor): Tensor {
  return op1('RealDiv', [tf.scalar(1), op1('Sqrt', [x])]);
}
