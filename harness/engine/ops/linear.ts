import { UserError } from '../../errors.ts';
import { withGradient } from '../gradient.ts';
import { identity, op, op1 } from '../op.ts';
import { asTypeOf, toCompute, toFloat } from '../precision.ts';
import { type Tensor, tf } from '../tf.ts';

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

function addBias(x: Tensor, bias: Tensor): Tensor {
  return withGradient([x, bias], () => ({
    value: op1('BiasAdd', [x, asTypeOf(bias, x)]),
    gradients: (dy) => {
      const gradient = asTypeOf(dy, x);
      return [identity(gradient), op1('BiasAddGrad', [toFloat(dy)])];
    },
  }));
}

/**
 * Softmax cross-entropy with integer targets, one loss a row.
 * @param logits [N, C], taken to float32
 * @param targets int32 [N] in 0..C-1
 * @returns [N], in nats
 */
export function softmaxCrossEntropy(logits: Tensor, targets: Tensor): Tensor {
  return withGradient([logits], () => {
    const wide = toFloat(logits);
    const [losses, slope] = op('SparseSoftmaxCrossEntropyWithLogits', [wide, targets], {}, 2);
    if (!losses || !slope) throw new Error('cross entropy: outputs are missing');
    return {
      value: losses,
      gradients: (dy) => [asTypeOf(tf.mul(slope, tf.expandDims(toFloat(dy), 1)), logits)],
    };
  });
}
