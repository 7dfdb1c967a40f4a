import { UserError } from '../base/errors.ts';
import { relu } from '../engine/ops/activation.ts';
import { maxPool } from '../engine/ops/pooling.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import { batchNorm, conv, groupNorm, stateless } from './layers.ts';
import {
  bound,
  type Call,
  composed,
  fixed,
  frozen,
  type LayerContext,
  type Module,
  type Params,
  sequential,
} from './module.ts';
import type { ResNetSpec } from './resnet_spec.ts';

export { type ResNetSpec, resnetSpec } from './resnet_spec.ts';

export interface ResNet {
  readonly spec: ResNetSpec;
  /** [N, H, W, C] → the level that leaves the network, [N, H', W', channels]; the last stage by default. */
  readonly module: Module;
  /** Channels of that level. */
  readonly channels: number;
  /** Channels of each level. */
  readonly widths: readonly number[];
  /** All levels: the stem before its pool, then the stages (feat1 to feat5 of the benchmarks). */
  readonly levels: (params: Params, x: Tensor, context: LayerContext) => readonly Tensor[];
}

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
const STRIDES = [1, 2, 2, 2] as const;

interface BlockShape {
  readonly inputs: number;
  /** Channels of the 3x3 convolutions, but for their groups. */
  readonly planes: number;
  readonly stride: number;
  readonly dilation: number;
  /** How often a step moves the running statistics. */
  readonly passes: number;
}

/** A residual network. @throws UserError when the width or the groups do not give whole channels. */
export function resnet(spec: ResNetSpec): ResNet {
  const base = 64 * spec.width;
  if (!Number.isInteger(base))
    throw new UserError(
      `backbone.width: ${spec.width} makes ${base} channels in the stem; use a multiple of 1/64`,
    );
  const { stages: count = 4, level = count } = spec;
  const expansion = spec.depth >= 50 ? 4 : 1;
  const widthOf = (i: number) => (i === 0 ? base : base * 2 ** (i - 1) * expansion);
  const stages = Array.from(
    { length: count },
    (_, s) => [`layer${s + 1}`, stage(spec, s)] as const,
  );
  const children: Record<string, Module> = { ...stem(spec, base), ...Object.fromEntries(stages) };
  const forward = (call: Call<string>, x: Tensor): Tensor[] => {
    const first = relu(call(`${normName(spec)}1`, call('conv1', x)));
    const levels = [first];
    let y = spec.stem === 'cifar' ? first : maxPool(first, POOL);
    for (const [name] of stages) {
      y = call(name, y);
      levels.push(y);
    }
    return levels;
  };
  return {
    spec,
    module: composed(children, (call, x) => forward(call, x)[level] as Tensor),
    channels: widthOf(level),
    widths: Array.from({ length: count + 1 }, (_, i) => widthOf(i)),
    levels: bound(children, forward),
  };
}

/** The residual blocks of stage s, from 0. Nothing behind the level that leaves the network learns. */
function stage(spec: ResNetSpec, s: number): Module {
  const { stages = 4, level = stages, frozenStages, statisticsTwice = false } = spec;
  const expansion = spec.depth >= 50 ? 4 : 1;
  const block = spec.depth >= 50 ? bottleneck : basicBlock;
  const planes = 64 * spec.width * 2 ** s;
  const inputs = s === 0 ? planes : (planes / 2) * expansion;
  const unused = s >= level;
  const blocks = Array.from({ length: BLOCKS[spec.depth][s] ?? 0 }, (_, i) => {
    const learnsBefore = i > 0 || frozenStages < s;
    return block(spec, {
      inputs: i === 0 ? inputs : planes * expansion,
      planes,
      stride: i === 0 ? (spec.strides?.[s] ?? STRIDES[s] ?? 1) : 1,
      dilation: spec.dilations?.[s] ?? 1,
      passes: statisticsTwice && learnsBefore && !unused ? 2 : 1,
    });
  });
  const module = frozenIf(frozenStages > s, sequential(blocks));
  return unused ? fixed(module) : module;
}

const POOL = { size: 3, stride: 2, padding: 1 } as const;

function stem(spec: ResNetSpec, outputs: number): Record<string, Module> {
  const shape =
    spec.stem === 'cifar'
      ? ({ size: 3, stride: 1, padding: 1 } as const)
      : ({ size: 7, stride: 2, padding: 3 } as const);
  const freeze = spec.frozenStages >= 0;
  return {
    conv1: frozenIf(freeze, conv({ inputs: spec.channels, outputs, ...shape })),
    [`${normName(spec)}1`]: frozenIf(freeze, norm(spec, outputs)),
  };
}

/** 3x3 (has the stride and the dilation) - norm - ReLU - 3x3 - norm, plus shortcut, ReLU. */
function basicBlock(spec: ResNetSpec, shape: BlockShape): Module {
  const { inputs, planes, stride, dilation } = shape;
  const bn = normName(spec);
  const children: Record<string, Module> = {
    conv1: conv({ inputs, outputs: planes, size: 3, stride, padding: dilation, dilation }),
    [`${bn}1`]: norm(spec, planes),
    conv2: conv({ inputs: planes, outputs: planes, size: 3, padding: 1 }),
    [`${bn}2`]: norm(spec, planes, spec.zeroInitResidual ? 0 : 1),
    downsample: downsample(spec, shape, planes),
  };
  return composed(children, (call, x) => {
    const y = relu(call(`${bn}1`, call('conv1', x)));
    const z = call(`${bn}2`, call('conv2', y));
    return relu(tf.add(z, call('downsample', x)));
  });
}

/**
 * 1x1 - norm - ReLU - 3x3 (has the dilation) - norm - ReLU - 1x1 - norm, plus shortcut, ReLU. The 3x3
 * has the stride, or the first 1x1.
 */
function bottleneck(spec: ResNetSpec, shape: BlockShape): Module {
  const { inputs, planes, stride, dilation, passes } = shape;
  const outputs = planes * 4;
  const { width, groups } = inner(spec, planes);
  const strides = spec.strideIn === '1x1' ? [stride, 1] : [1, stride];
  const [first = 1, second = 1] = strides;
  const bn = normName(spec);
  const children: Record<string, Module> = {
    conv1: conv({ inputs, outputs: width, size: 1, stride: first }),
    [`${bn}1`]: norm(spec, width, 1, passes),
    conv2: conv({
      ...{ inputs: width, outputs: width, size: 3, groups },
      ...{ stride: second, padding: dilation, dilation },
    }),
    [`${bn}2`]: norm(spec, width, 1, passes),
    conv3: conv({ inputs: width, outputs, size: 1 }),
    [`${bn}3`]: norm(spec, outputs, spec.zeroInitResidual ? 0 : 1, passes),
    downsample: downsample(spec, shape, outputs),
  };
  return composed(children, (call, x) => {
    const y = relu(call(`${bn}1`, call('conv1', x)));
    const z = relu(call(`${bn}2`, call('conv2', y)));
    const w = call(`${bn}3`, call('conv3', z));
    return relu(tf.add(w, call('downsample', x)));
  });
}

/** Channels of a 3x3 convolution and its groups; of one group a ResNet's, or a wide one's. */
function inner({ groups = 1, groupWidth = groups === 1 ? 64 : 4 }: ResNetSpec, planes: number) {
  const width = Math.floor((planes * groupWidth) / 64) * groups;
  if (width === 0)
    throw new UserError(
      `backbone.groupWidth: ${groupWidth} leaves a group no channel in a stage of ${planes}; use a larger one, or a larger width`,
    );
  return { width, groups };
}

/** The shortcut: `downsample.0` (1x1) and `downsample.1` (norm) where shapes change, else nothing. */
function downsample(spec: ResNetSpec, shape: BlockShape, outputs: number): Module {
  const { inputs, stride, passes } = shape;
  if (stride === 1 && inputs === outputs) return stateless((x) => x);
  const made = norm(spec, outputs, 1, passes);
  return sequential([conv({ inputs, outputs, size: 1, stride }), made]);
}

/** What a norm's name begins with. */
function normName(spec: ResNetSpec): string {
  return spec.norm === 'group' ? 'gn' : 'bn';
}

function norm(spec: ResNetSpec, channels: number, scale = 1, passes = 1): Module {
  const { normEpsilon: epsilon, normMomentum: momentum, normAffine: affine, normGroups } = spec;
  const common = { channels, scale, ...defined({ epsilon, affine }) };
  const module =
    spec.norm === 'group'
      ? groupNorm({ ...common, groups: normGroups ?? 1 })
      : batchNorm({
          ...common,
          ...defined({ momentum }),
          passes,
          frozenStatistics: spec.normEval,
          sync: spec.norm === 'sync',
        });
  return spec.normLearns === false ? fixed(module) : module;
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(
    Object.entries(value).filter(([, entry]) => entry !== undefined),
  ) as Defined<T>;
}

/** Without gradients and with running statistics, where asked. */
function frozenIf(freeze: boolean, module: Module): Module {
  return freeze ? frozen(module) : module;
}
