import { type ConvolutionOptions, conv2d } from '../../harness/engine/ops/convolution.ts';
import { addBias, linear as linearOp } from '../../harness/engine/ops/linear.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import { batchNorm } from '../../harness/nn/layers.ts';
import {
  type Initial,
  type Module,
  type ParameterSpec,
  type Params,
  scoped,
} from '../../harness/nn/module.ts';
import { exactNorm } from './exact_norm.ts';

export interface ConvSpec extends ConvolutionOptions {
  readonly inputs: number;
  readonly outputs: number;
  /** Side of the filter, pixels. */
  readonly size: number;
}

/**
 * Norms take the statistics of one replica's pictures, or of all replicas' together. `exact`: one replica's, summed with
 * less rounding, at a price: `exactNorm`.
 */
export type NormKind = 'batch' | 'sync' | 'exact';

const NONE: ReadonlyMap<string, ParameterSpec> = new Map();

/** N(0, 2 / fan_out): He et al. 2015, arXiv:1502.01852, as detectron2 draws fresh filters. */
function fanOut(outputs: number, size: number): Initial {
  return { kind: 'normal', std: Math.sqrt(2 / (outputs * size * size)) };
}

function filter({ inputs, outputs, size }: ConvSpec, initial: Initial): ParameterSpec {
  const shape = [size, size, inputs, outputs];
  return { shape, initial, dtype: 'float32', role: 'convolution', trainable: true };
}

function biasOf(outputs: number): ParameterSpec {
  const initial: Initial = { kind: 'constant', value: 0 };
  return { shape: [outputs], initial, dtype: 'float32', role: 'bias', trainable: true };
}

/** A batch norm with detectron2's numbers. */
export function normOf(channels: number, kind: NormKind): Module {
  if (kind === 'exact') return exactNorm(channels);
  return batchNorm({ channels, epsilon: 1e-5, momentum: 0.1, sync: kind === 'sync' });
}

/** Convolution without bias, `weight`, and a norm, `norm.*`. */
export function convNorm(spec: ConvSpec, kind: NormKind): Module {
  const norm = normOf(spec.outputs, kind);
  const under = <T>(entries: ReadonlyMap<string, T>) =>
    [...entries].map(([name, value]) => [`norm.${name}`, value] as const);
  return {
    parameters: new Map([
      ['weight', filter(spec, fanOut(spec.outputs, spec.size))],
      ...under(norm.parameters),
    ]),
    buffers: new Map(under(norm.buffers)),
    apply: (params, x, context) => {
      const y = conv2d(x, weightOf(params), spec);
      return norm.apply(scoped(params, 'norm.'), y, context.scope('norm.'));
    },
  };
}

/** Convolution with a bias, drawn from N(0, std) at the start. */
export function convBias(spec: ConvSpec, std: number): Module {
  return {
    parameters: new Map([
      ['weight', filter(spec, { kind: 'normal', std })],
      ['bias', biasOf(spec.outputs)],
    ]),
    buffers: NONE,
    apply: (params, x) => addBias(conv2d(x, weightOf(params), spec), biasIn(params)),
  };
}

/**
 * Transposed convolution with a bias, 2x2 with stride 2: each pixel becomes four. Files keep its filter [I, O, 2, 2],
 * so that "fan out", which it starts from, counts its inputs.
 */
export function doubling(inputs: number, outputs: number): Module {
  const weight = filter({ inputs: outputs, outputs: inputs, size: 2 }, fanOut(inputs, 2));
  return {
    parameters: new Map([
      ['weight', weight],
      ['bias', biasOf(outputs)],
    ]),
    buffers: NONE,
    apply: (params, x) => {
      const [count = 0, height = 0, width = 0] = x.shape;
      const pixels = tf.reshape(x, [count * height * width, inputs]);
      const rows = tf.reshape(weightOf(params), [4 * outputs, inputs]); // [2, 2, O, I]
      const four = tf.reshape(linearOp(pixels, rows), [count * height, width, 2, 2 * outputs]);
      const lines = tf.transpose(four, [0, 2, 1, 3]);
      const doubled = tf.reshape(lines, [count, 2 * height, 2 * width, outputs]);
      return addBias(doubled, biasIn(params));
    },
  };
}

function weightOf({ weight }: Params): Tensor {
  if (weight === undefined) throw new Error('layer: there is no weight');
  return weight;
}

function biasIn({ bias }: Params): Tensor {
  if (bias === undefined) throw new Error('layer: there is no bias');
  return bias;
}
