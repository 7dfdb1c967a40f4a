import { UserError } from '../base/errors.ts';
import { op1 } from '../engine/op.ts';
import { dropoutMask, masked, relu as reluOp, uniform } from '../engine/ops/activation.ts';
import type { ConvolutionOptions } from '../engine/ops/convolution.ts';
import { groupNorm as groupNormOp } from '../engine/ops/group_norm.ts';
import { groupedConv2d } from '../engine/ops/grouped_convolution.ts';
import { linear as linearOp } from '../engine/ops/linear.ts';
import { batchNormEval, batchNormSync, batchNormTrain } from '../engine/ops/normalization.ts';
import { globalAvgPool } from '../engine/ops/pooling.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import type { Initial, LayerContext, Module, ParameterSpec, Params } from './module.ts';

const NONE: ReadonlyMap<string, ParameterSpec> = new Map();

/** Draws from N(0, 2 / fan_in), He et al. 2015, arXiv:1502.01852; fan_in = inputs of one output. */
export function kaiming(fanIn: number): Initial {
  return { kind: 'normal', std: Math.sqrt(2 / fanIn) };
}

function constant(value: number): Initial {
  return { kind: 'constant', value };
}

/** A module without parameters. */
export function stateless(apply: (x: Tensor) => Tensor): Module {
  return { parameters: NONE, buffers: NONE, apply: (_, x) => apply(x) };
}

/** max(x, 0). */
export const relu: Module = stateless(reluOp);

/** Mean over all pixels: [N, H, W, C] → [N, C], float32. */
export const averagePixels: Module = stateless(globalAvgPool);

export interface ConvOptions extends ConvolutionOptions {
  readonly inputs: number;
  readonly outputs: number;
  /** Side of the square filter, in pixels. */
  readonly size: number;
  /** Groups of channels that do not see each other; 1 unless given. */
  readonly groups?: number;
}

/**
 * Convolution without bias: `weight` [size, size, inputs / groups, outputs].
 * Starts from N(0, 2 / fan_in), where torchvision has fan_out
 * (docs/reference/methods.md, section 1.1).
 */
export function conv({ outputs, size, groups = 1, ...others }: ConvOptions): Module {
  const { inputs: all, ...options } = others;
  const inputs = all / groups;
  const weight: ParameterSpec = {
    shape: [size, size, inputs, outputs],
    dtype: 'float32',
    initial: kaiming(inputs * size * size),
    role: 'convolution',
    trainable: true,
  };
  return {
    parameters: new Map([['weight', weight]]),
    buffers: NONE,
    apply: (params, x) => groupedConv2d(x, entry(params, 'weight'), groups, options),
  };
}

export interface LinearOptions {
  readonly inputs: number;
  readonly outputs: number;
  readonly bias?: boolean;
  /** How the weight starts; N(0, 2 / inputs) unless given. */
  readonly initial?: Initial;
  /** Where the bias starts. */
  readonly initialBias?: number;
}

/** Fully connected layer: `weight` [outputs, inputs], `bias` [outputs] starting at 0 unless given. */
export function linear(options: LinearOptions): Module {
  const { inputs, outputs, bias = true, initial, initialBias = 0 } = options;
  const common = { dtype: 'float32', trainable: true } as const;
  const weight: ParameterSpec = {
    ...common,
    shape: [outputs, inputs],
    initial: initial ?? kaiming(inputs),
    role: 'linear',
  };
  const offset: ParameterSpec = {
    ...common,
    shape: [outputs],
    initial: constant(initialBias),
    role: 'bias',
  };
  return {
    parameters: new Map([['weight', weight], ...(bias ? [['bias', offset] as const] : [])]),
    buffers: NONE,
    apply: (params, x) => linearOp(x, entry(params, 'weight'), params.bias),
  };
}

export interface BatchNormOptions {
  readonly channels: number;
  /** Weight of the new batch in the running statistics, PyTorch's sense. */
  readonly momentum?: number;
  readonly epsilon?: number;
  /** Learn scale and shift; without, they are 1 and 0 and no parameters. */
  readonly affine?: boolean;
  /** Scale at the start. */
  readonly scale?: number;
  /** Statistics of all replicas' batches together, instead of this one's; batches may be unequal. */
  readonly sync?: boolean;
  /** Always use the running statistics, also while training, and leave them as they are. */
  readonly frozenStatistics?: boolean;
  /** How often a step that learns moves the running statistics towards its batch; 1 unless given. */
  readonly passes?: number;
}

/**
 * Batch norm over all axes but the last, on [N, H, W, C], [N, L, C] or [N, C]: `weight`, `bias`, and as buffers
 * `running_mean`, `running_var`, `num_batches_tracked` (int64, batches seen in training; never read,
 * kept because the original's files have it).
 */
export function batchNorm(options: BatchNormOptions): Module {
  const { channels, affine = true, scale = 1 } = options;
  const common = { shape: [channels], dtype: 'float32' } as const;
  const statistic = { ...common, role: 'statistic', trainable: false } as const;
  return {
    parameters: affine ? affineOf(channels, scale) : NONE,
    buffers: new Map<string, ParameterSpec>([
      ['running_mean', { ...statistic, initial: constant(0) }],
      ['running_var', { ...statistic, initial: constant(1) }],
      ['num_batches_tracked', { ...statistic, shape: [], dtype: 'int64', initial: constant(0) }],
    ]),
    apply: (params, x, context) => {
      if (x.rank === 4) return normalise(options, params, x, context);
      const [n = 0, ...rest] = x.shape;
      const places = rest.slice(0, -1).reduce((a, b) => a * b, 1);
      const image = tf.reshape(x, [n, places, 1, channels]);
      return tf.reshape(normalise(options, params, image, context), x.shape);
    },
  };
}

export interface GroupNormOptions {
  readonly channels: number;
  readonly groups: number;
  readonly epsilon?: number;
  readonly affine?: boolean;
  /** Scale at the start. */
  readonly scale?: number;
}

/**
 * Group norm on [N, H, W, C]: `weight`, `bias`, no buffers.
 * @throws UserError when the groups do not divide the channels.
 */
export function groupNorm(options: GroupNormOptions): Module {
  const { channels, groups, affine = true } = options;
  const epsilon = options.epsilon ?? 1e-5;
  if (channels % groups !== 0)
    throw new UserError(
      `normGroups: ${groups} groups do not divide ${channels} channels; use a divisor of all stages`,
    );
  return {
    parameters: affine ? affineOf(channels, options.scale ?? 1) : NONE,
    buffers: NONE,
    apply: (params, x) => {
      const [weight, bias] = [
        params.weight ?? tf.ones([channels]),
        params.bias ?? tf.zeros([channels]),
      ];
      return groupNormOp(x, weight, bias, { groups, epsilon });
    },
  };
}

/** Scale and shift of a norm. */
function affineOf(channels: number, scale: number): ReadonlyMap<string, ParameterSpec> {
  const common = { shape: [channels], dtype: 'float32', trainable: true, role: 'norm' } as const;
  return new Map<string, ParameterSpec>([
    ['weight', { ...common, initial: constant(scale) }],
    ['bias', { ...common, initial: constant(0) }],
  ]);
}

/**
 * Sets each feature to 0 with probability `rate` and scales the rest by 1 / (1 - rate), so that the
 * mean stays; nothing while evaluating. Srivastava et al. 2014.
 * @param rate 0..1, below 1
 */
export function dropout(rate: number): Module {
  return {
    parameters: NONE,
    buffers: NONE,
    apply: (_, x, context) => {
      if (!context.train || rate === 0) return x;
      return masked(
        x,
        context.chance('mask', (key) => dropoutMask(uniform(x.shape, key), rate)),
      );
    },
  };
}

function normalise(
  {
    channels,
    momentum = 0.1,
    epsilon = 1e-5,
    sync = false,
    frozenStatistics = false,
    passes = 1,
  }: BatchNormOptions,
  params: Params,
  x: Tensor,
  context: LayerContext,
): Tensor {
  const scale = params.weight ?? tf.ones([channels]);
  const offset = params.bias ?? tf.zeros([channels]);
  const before = { mean: context.buffer('running_mean'), variance: context.buffer('running_var') };
  if (!context.train || frozenStatistics) return batchNormEval(x, scale, offset, before, epsilon);
  const { replicas, copies = 1, learns = true } = context;
  const times = learns ? passes : 1;
  const running = times === 1 ? momentum : 1 - (1 - momentum) ** times;
  const moved = context.counted === undefined ? running : 1;
  context.counted?.(x.size / channels);
  const settings = { epsilon, momentum: moved, copies };
  const { value, state } =
    sync && replicas > 1
      ? batchNormSync(x, scale, offset, before, settings, context.meeting('statistics'))
      : batchNormTrain(x, scale, offset, before, settings);
  context.update('running_mean', state.mean);
  context.update('running_var', state.variance);
  const seen = context.buffer('num_batches_tracked');
  const one = op1('OnesLike', [seen]);
  const counted = Array.from({ length: times }).reduce<Tensor>((n) => op1('AddV2', [n, one]), seen);
  context.update('num_batches_tracked', counted);
  return value;
}

function entry(params: Params, name: string): Tensor {
  const found = params[name];
  if (found === undefined)
    throw new Error(`layer: parameter '${name}' is missing; there are: ${Object.keys(params)}`);
  return found;
}
