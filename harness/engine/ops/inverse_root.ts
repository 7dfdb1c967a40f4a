import { op1 } from '../op.ts';
import type { Tensor } from '../tf.ts';
import { oneOver } from './one_over.ts';

/**
 * 1 / sqrt(x), by a root and a division, which every CPU rounds as IEEE 754 says. TensorFlow's Rsqrt begins with the
 * processor's own estimate (`vrsqrt14ps`, `rsqrtps`), which AMD and Intel make differently, and its one step of
 * Newton's method does not bring both to the same bits.
 * @param x float32, positive
 */
export function inverseRoot(x: Tensor): Tensor {
  return oneOver(op1('Sqrt', [x]));
}
