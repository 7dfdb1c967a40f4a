import { identity } from './op.ts';
import { type Tensor, tf } from './tf.ts';

export interface Differentiable {
  readonly value: Tensor;
  /** One gradient for each input, given the gradient of `value`; never `dy` itself. */
  readonly gradients: (dy: Tensor) => Tensor[];
}

/**
 * An op with its own gradient. Traced tensors live as long as the trace, so `gradients` may use
 * anything that the forward pass made.
 */
export function withGradient(inputs: readonly Tensor[], forward: () => Differentiable): Tensor {
  const traced = tf.customGrad(() => {
    const { value, gradients } = forward();
    return { value, gradFunc: (dy: Tensor) => gradients(dy) };
  });
  return traced(...inputs);
}

/** `x` itself, with its gradient multiplied on the way back. */
export function scaledGradient(x: Tensor, factor: number): Tensor {
  return withGradient([x], () => ({
    value: identity(x),
    gradients: (dy) => [tf.mul(dy, tf.scalar(factor))],
  }));
}
