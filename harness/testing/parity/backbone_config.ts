import { z } from 'zod';
import { UserError } from '../../base/errors.ts';
import { type ResNetSpec, resnetSpec } from '../../nn/resnet.ts';
import { normConfig } from './norm_config.ts';

const positive = z.int().positive();

/** What all backbones of the reference take. */
const common = {
  depth: z.int(),
  in_channels: positive.default(3),
  num_stages: z.int().min(1).max(4).default(4),
  strides: z.array(positive).default([1, 2, 2, 2]),
  dilations: z.array(positive).default([1, 1, 1, 1]),
  out_indices: z.array(z.int().nonnegative()).min(1).default([0, 1, 2, 3, 4]),
  style: z.enum(['pytorch', 'caffe']).default('pytorch'),
  frozen_stages: z.int().default(-1),
  conv_cfg: z.null().optional(),
  norm_cfg: normConfig.prefault({}),
  norm_eval: z.boolean().default(false),
  with_cp: z.boolean().default(false),
  zero_init_residual: z.boolean().default(false),
};

const Config = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ResNet'), ...common }),
  /** `base_width`: channels of the stem. */
  z.strictObject({ type: z.literal('NarrowResNet'), base_width: positive, ...common }),
  /** `base_width`: channels of a group in the first stage. */
  z.strictObject({
    type: z.literal('ResNeXt'),
    groups: positive.default(1),
    base_width: positive.default(4),
    ...common,
  }),
  /** Ours: `base_width` as of NarrowResNet, `group_width` as ResNeXt's base_width. */
  z.strictObject({
    type: z.literal('NarrowResNeXt'),
    base_width: positive,
    groups: positive.default(1),
    group_width: positive.default(4),
    ...common,
  }),
]);
type Config = z.output<typeof Config>;

/**
 * The reference's backbone config. Of several `out_indices` the lowest level goes on: the reference's
 * RelativeLoc takes the first of what it gets, and no other of its models takes several.
 */
export const backboneConfig = Config.transform((config): unknown => {
  const { norm_cfg: norm, num_stages: stages, out_indices, strides, dilations } = config;
  const last = Math.max(...out_indices);
  if (last > stages)
    throw new UserError(`backbone.out_indices: ${last}, but there are ${stages} stages`);
  if (config.with_cp && config.depth < 50)
    throw new UserError('backbone.with_cp: true, which basic blocks of the reference refuse');
  return {
    depth: config.depth,
    ...widths(config),
    channels: config.in_channels,
    frozenStages: config.frozen_stages,
    normEval: config.norm_eval,
    zeroInitResidual: config.zero_init_residual,
    norm: norm.kind,
    normGroups: norm.groups,
    normEpsilon: norm.epsilon,
    normMomentum: norm.momentum,
    normAffine: norm.affine,
    normLearns: norm.learns,
    stages,
    strides,
    dilations,
    level: Math.min(...out_indices),
    strideIn: config.style === 'caffe' ? '1x1' : '3x3',
    statisticsTwice: config.with_cp || undefined,
  };
}).pipe(resnetSpec as z.ZodType<ResNetSpec>);

/** Channels of the stem over 64, and the groups of a ResNeXt. */
function widths(config: Config) {
  switch (config.type) {
    case 'ResNet':
      return { width: 1 };
    case 'NarrowResNet':
      return { width: config.base_width / 64 };
    case 'ResNeXt':
      return { width: 1, groups: config.groups, groupWidth: config.base_width };
    case 'NarrowResNeXt':
      return {
        width: config.base_width / 64,
        groups: config.groups,
        groupWidth: config.group_width,
      };
  }
}
