import { UserError } from '../../base/errors.ts';
import { withGradient } from '../gradient.ts';
import { identity, op1 } from '../op.ts';
import { asTypeOf, toCompute, toFloat } from '../precision.ts';
import type { Tensor } from '../tf.ts';

/**
 * Fully connected layer, y = x W' + b.
 * @param x [N, I]
 * @param weight [O, I], as PyTorch keeps it
 * @param bias [O], or nothing
 * @returns [N, O]
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  if (x.rank !== 2 || weight.rank !== 2 || x.shape[1] !== weight.shape[1])
    throw new UserError(
      `linear: input [${x.shape}] and weight [${weight.shape}] do not fit; expected [N, I] and [O, I]`,
    );
  const product = withGradient([x, weight], () => {
    const input = toCompute(x);
    const matrix = toCompute(weight);
    return {
      value: op1('MatMul', [input, matrix], { transpose_b: true }),
      gradients: (dy) => {
        const gradient = asTypeOf(dy, input);
        return [
          op1('MatMul', [gradient, matrix]),
          toFloat(op1('MatMul', [gradient, input], { transpose_a: true })),
        ];
      },
    };
  });
  return bias === undefined ? product : addBias(product, bias);
}

/** `x` [..., O] plus a bias for each of the last axis. */
export function addBias(x: Tensor, bias: Tensor): Tensor {
  return withGradient([x, bias], () => ({
    value: op1('BiasAdd', [x, asTypeOf(bias, x)]),
    gradients: (dy) => {
      const gradient = asTypeOf(dy, x);
      return [identity(gradient), op1('BiasAddGrad', [toFloat(dy)])];
    },
  }));
}
