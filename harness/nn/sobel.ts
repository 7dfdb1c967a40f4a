import { conv2d } from '../engine/ops/convolution.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import { composed, type Module, type ParameterSpec, sequential } from './module.ts';

/** Channels of an image, and of its edges: along columns and along rows. */
export const SOBEL_CHANNELS = { image: 3, edges: 2 } as const;

const ALONG_COLUMNS = [1, 0, -1, 2, 0, -2, 1, 0, -1];
const ALONG_ROWS = [1, 2, 1, 0, 0, 0, -1, -2, -1];

/**
 * Edges of an image: the mean of its three channels, then Sobel's two filters with zeros around,
 * [N, H, W, 3] → [N, H, W, 2]. Its 24 parameters never move (docs/reference/methods.md, section 6).
 */
export const sobel: Module = composed(
  {
    sobel: sequential([
      fixed({ inputs: 3, outputs: 1, size: 1, values: [1 / 3, 1 / 3, 1 / 3] }),
      fixed({ inputs: 1, outputs: 2, size: 3, values: [...ALONG_COLUMNS, ...ALONG_ROWS] }),
    ]),
  },
  (call, x) => call('sobel', x),
);

interface FixedOptions {
  readonly inputs: number;
  readonly outputs: number;
  /** Side of the filter, in pixels. */
  readonly size: number;
  /** In the order of files, [outputs, inputs, size, size]. */
  readonly values: readonly number[];
}

/** A convolution with bias, without gradients, that keeps the image's size. */
function fixed({ inputs, outputs, size, values }: FixedOptions): Module {
  const common = { dtype: 'float32', trainable: false } as const;
  const weight: ParameterSpec = {
    ...common,
    shape: [size, size, inputs, outputs],
    initial: { kind: 'values', values },
    role: 'convolution',
  };
  const bias: ParameterSpec = {
    ...common,
    shape: [outputs],
    initial: { kind: 'constant', value: 0 },
    role: 'bias',
  };
  return {
    parameters: new Map([
      ['weight', weight],
      ['bias', bias],
    ]),
    buffers: new Map(),
    apply: (params, x) => {
      const filtered = conv2d(x, named(params.weight), { padding: (size - 1) / 2 });
      return tf.add(filtered, named(params.bias));
    },
  };
}

function named(parameter: Tensor | undefined): Tensor {
  if (parameter === undefined) throw new Error('sobel: a parameter is missing');
  return parameter;
}
