import { UserError } from '../../errors.ts';
import { withGradient } from '../gradient.ts';
import { op1 } from '../op.ts';
import { asTypeOf, toCompute, toFloat } from '../precision.ts';
import { type Tensor, tf } from '../tf.ts';

export interface ConvolutionOptions {
  /** Step between outputs, in pixels, both axes. */
  readonly stride?: number;
  /** Zeros on each side, in pixels, both axes. */
  readonly padding?: number;
  /** Distance between filter taps, in pixels, both axes. */
  readonly dilation?: number;
}

/**
 * 2-D cross-correlation, as PyTorch's conv2d without bias.
 * @param x [N, H, W, C]
 * @param filter [kh, kw, C, O], float32; computed in the precision of the trace
 * @returns [N, H', W', O], H' = floor((H + 2 padding - dilation (kh - 1) - 1) / stride) + 1
 * @throws UserError when the channels differ or the window does not fit.
 */
export function conv2d(
  x: Tensor,
  filter: Tensor,
  { stride = 1, padding = 0, dilation = 1 }: ConvolutionOptions = {},
): Tensor {
  checkShapes(x, filter, padding, dilation);
  const attrs = {
    strides: [1, stride, stride, 1],
    dilations: [1, dilation, dilation, 1],
    data_format: 'NHWC',
    ...(padding === 0
      ? { padding: 'VALID' }
      : {
          padding: 'EXPLICIT',
          explicit_paddings: [0, 0, padding, padding, padding, padding, 0, 0],
        }),
  };
  const xSize = tf.tensor1d(x.shape, 'int32');
  const filterSize = tf.tensor1d(filter.shape, 'int32');
  return withGradient([x, filter], () => {
    const input = toCompute(x);
    const weights = toCompute(filter);
    return {
      value: op1('Conv2D', [input, weights], attrs),
      gradients: (dy) => {
        const gradient = asTypeOf(dy, input);
        return [
          op1('Conv2DBackpropInput', [xSize, weights, gradient], attrs),
          toFloat(op1('Conv2DBackpropFilter', [input, filterSize, gradient], attrs)),
        ];
      },
    };
  });
}

function checkShapes(x: Tensor, filter: Tensor, padding: number, dilation: number): void {
  const [, height = 0, width = 0, channels] = x.shape;
  const [kh = 0, kw = 0, expected] = filter.shape;
  if (x.rank !== 4 || filter.rank !== 4 || channels !== expected)
    throw new UserError(
      `conv2d: input [${x.shape}] and filter [${filter.shape}] do not fit; expected [N, H, W, C] and [kh, kw, C, O]`,
    );
  if (
    height + 2 * padding < dilation * (kh - 1) + 1 ||
    width + 2 * padding < dilation * (kw - 1) + 1
  )
    throw new UserError(
      `conv2d: a ${kh}x${kw} filter (dilation ${dilation}) does not fit into ${height}x${width} with padding ${padding}; use larger images or a smaller stem`,
    );
}
