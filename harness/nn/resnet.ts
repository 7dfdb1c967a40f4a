import { z } from 'zod';
import { UserError } from '../base/errors.ts';
import { relu } from '../engine/ops/activation.ts';
import { maxPool } from '../engine/ops/pooling.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import { batchNorm, conv, stateless } from './layers.ts';
import {
  bound,
  type Call,
  composed,
  evaluating,
  type LayerContext,
  type Module,
  type ParameterSpec,
  type Params,
  sequential,
} from './module.ts';

/**
 * ResNet, He et al. 2016, arXiv:1512.03385, with the original's names
 * (docs/reference/methods.md, section 1.1).
 */
export const resnetSpec = z
  .strictObject({
    kind: z.literal('resnet').default('resnet'),
    depth: z.literal([18, 34, 50, 101, 152]),
    /** Channels over those of the paper: 1/4 makes stages of 16, 32, 64, 128. */
    width: z.number().positive().default(1),
    /** imagenet: 7x7 stride 2, max pool 3x3 stride 2; cifar: 3x3 stride 1, no pool. */
    stem: z.enum(['imagenet', 'cifar']).default('imagenet'),
    /** Channels of the image. */
    channels: z.int().positive().default(3),
    /** Each residual branch starts as zero: its last norm's scale is 0. */
    zeroInitResidual: z.boolean().default(false),
    /** -1: none; 0: the stem; n: stem and stages 1..n: no gradients, running statistics. */
    frozenStages: z.int().min(-1).max(4).default(-1),
    /** Batch norms use their running statistics while training. */
    normEval: z.boolean().default(false),
    /** Statistics of one replica's batch, or of all replicas' together. */
    norm: z.enum(['batch', 'sync']).default('batch'),
  })
  .readonly();
export type ResNetSpec = z.infer<typeof resnetSpec>;

export interface ResNet {
  /** [N, H, W, C] → the last stage [N, H', W', channels]. */
  readonly module: Module;
  /** Channels of the last stage. */
  readonly channels: number;
  /** All levels: the stem before its pool, then stages 1 to 4 (feat1 to feat5 of the benchmarks). */
  readonly levels: (params: Params, x: Tensor, context: LayerContext) => Levels;
}

type Levels = readonly [Tensor, Tensor, Tensor, Tensor, Tensor];

/** Residual blocks of the four stages by depth. */
export const BLOCKS: Readonly<
  Record<ResNetSpec['depth'], readonly [number, number, number, number]>
> = {
  18: [2, 2, 2, 2],
  34: [3, 4, 6, 3],
  50: [3, 4, 6, 3],
  101: [3, 4, 23, 3],
  152: [3, 8, 36, 3],
};

interface BlockShape {
  readonly inputs: number;
  /** Channels of the 3x3 convolutions. */
  readonly planes: number;
  readonly stride: number;
}

/** A residual network. @throws UserError when the width does not give whole channels. */
export function resnet(spec: ResNetSpec): ResNet {
  const base = 64 * spec.width;
  if (!Number.isInteger(base))
    throw new UserError(
      `backbone.width: ${spec.width} makes ${base} channels in the stem; use a multiple of 1/64`,
    );
  const expansion = spec.depth >= 50 ? 4 : 1;
  const block = spec.depth >= 50 ? bottleneck : basicBlock;
  const stages = BLOCKS[spec.depth].map((count, s) => {
    const planes = base * 2 ** s;
    const inputs = s === 0 ? base : (planes / 2) * expansion;
    const blocks = Array.from({ length: count }, (_, i) =>
      block(spec, {
        inputs: i === 0 ? inputs : planes * expansion,
        planes,
        stride: i === 0 && s > 0 ? 2 : 1,
      }),
    );
    return frozenIf(spec.frozenStages > s, sequential(blocks));
  });
  const [layer1, layer2, layer3, layer4] = stages;
  if (!layer1 || !layer2 || !layer3 || !layer4) throw new Error('resnet: four stages expected');
  const children = { ...stem(spec, base), layer1, layer2, layer3, layer4 };
  const forward = (call: Call<keyof typeof children>, x: Tensor): Levels => {
    const first = relu(call('bn1', call('conv1', x)));
    const a = call('layer1', spec.stem === 'cifar' ? first : maxPool(first, POOL));
    const b = call('layer2', a);
    const c = call('layer3', b);
    return [first, a, b, c, call('layer4', c)];
  };
  return {
    module: composed(children, (call, x) => forward(call, x)[4]),
    channels: base * 8 * expansion,
    levels: bound(children, forward),
  };
}

const POOL = { size: 3, stride: 2, padding: 1 } as const;

function stem(spec: ResNetSpec, outputs: number): { readonly conv1: Module; readonly bn1: Module } {
  const shape =
    spec.stem === 'cifar'
      ? ({ size: 3, stride: 1, padding: 1 } as const)
      : ({ size: 7, stride: 2, padding: 3 } as const);
  const freeze = spec.frozenStages >= 0;
  return {
    conv1: frozenIf(freeze, conv({ inputs: spec.channels, outputs, ...shape })),
    bn1: frozenIf(freeze, norm(spec, outputs)),
  };
}

/** 3x3 - norm - ReLU - 3x3 - norm, plus shortcut, ReLU. */
function basicBlock(spec: ResNetSpec, { inputs, planes, stride }: BlockShape): Module {
  const children = {
    conv1: conv({ inputs, outputs: planes, size: 3, stride, padding: 1 }),
    bn1: norm(spec, planes),
    conv2: conv({ inputs: planes, outputs: planes, size: 3, padding: 1 }),
    bn2: norm(spec, planes, spec.zeroInitResidual ? 0 : 1),
    downsample: downsample(spec, inputs, planes, stride),
  };
  return composed(children, (call, x) => {
    const y = relu(call('bn1', call('conv1', x)));
    const z = call('bn2', call('conv2', y));
    return relu(tf.add(z, call('downsample', x)));
  });
}

/** 1x1 - norm - ReLU - 3x3 (has the stride) - norm - ReLU - 1x1 - norm, plus shortcut, ReLU. */
function bottleneck(spec: ResNetSpec, { inputs, planes, stride }: BlockShape): Module {
  const outputs = planes * 4;
  const children = {
    conv1: conv({ inputs, outputs: planes, size: 1 }),
    bn1: norm(spec, planes),
    conv2: conv({ inputs: planes, outputs: planes, size: 3, stride, padding: 1 }),
    bn2: norm(spec, planes),
    conv3: conv({ inputs: planes, outputs, size: 1 }),
    bn3: norm(spec, outputs, spec.zeroInitResidual ? 0 : 1),
    downsample: downsample(spec, inputs, outputs, stride),
  };
  return composed(children, (call, x) => {
    const y = relu(call('bn1', call('conv1', x)));
    const z = relu(call('bn2', call('conv2', y)));
    const w = call('bn3', call('conv3', z));
    return relu(tf.add(w, call('downsample', x)));
  });
}

/** The shortcut: `downsample.0` (1x1) and `downsample.1` (norm) where shapes change, else nothing. */
function downsample(spec: ResNetSpec, inputs: number, outputs: number, stride: number): Module {
  if (stride === 1 && inputs === outputs) return stateless((x) => x);
  return sequential([conv({ inputs, outputs, size: 1, stride }), norm(spec, outputs)]);
}

function norm(spec: ResNetSpec, channels: number, scale = 1): Module {
  return batchNorm({
    channels,
    scale,
    frozenStatistics: spec.normEval,
    sync: spec.norm === 'sync',
  });
}

/** Without gradients and with running statistics, where asked. */
function frozenIf(freeze: boolean, module: Module): Module {
  if (!freeze) return module;
  const fixed = ([name, spec]: [string, ParameterSpec]) =>
    [name, { ...spec, trainable: false }] as const;
  return {
    parameters: new Map([...module.parameters].map(fixed)),
    buffers: module.buffers,
    apply: (params, x, context) => module.apply(params, x, evaluating(context)),
  };
}
