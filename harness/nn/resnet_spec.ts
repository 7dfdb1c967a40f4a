import { z } from 'zod';

const positive = z.int().positive();
const each = z.array(positive).min(1).max(4).readonly();

const fields = z.strictObject({
  kind: z.literal('resnet').default('resnet'),
  depth: z.literal([18, 34, 50, 101, 152]),
  /** Channels over those of the paper: 1/4 makes stages of 16, 32, 64, 128. */
  width: z.number().positive().default(1),
  /** imagenet: 7x7 stride 2, max pool 3x3 stride 2; cifar: 3x3 stride 1, no pool. */
  stem: z.enum(['imagenet', 'cifar']).default('imagenet'),
  /** Channels of the image. */
  channels: positive.default(3),
  /** Each residual branch starts as zero: its last norm's scale is 0. */
  zeroInitResidual: z.boolean().default(false),
  /** -1: none; 0: the stem; n: stem and stages 1..n: no gradients, running statistics. */
  frozenStages: z.int().min(-1).max(4).default(-1),
  /** Batch norms use their running statistics while training. */
  normEval: z.boolean().default(false),
  /** Statistics of one replica's batch, or of all replicas' together; group: of each sample. */
  norm: z.enum(['batch', 'sync', 'group']).default('batch'),
  /** Groups of channels of a group norm. */
  normGroups: positive.optional(),
  normEpsilon: z.number().positive().optional(),
  /** Weight of a batch in the running statistics. */
  normMomentum: z.number().min(0).max(1).optional(),
  /** Scale and shift of the norms. */
  normAffine: z.boolean().optional(),
  /** Whether scale and shift are learned. */
  normLearns: z.boolean().optional(),
  /** Residual stages; 4 unless given. */
  stages: z.int().min(1).max(4).optional(),
  /** Step of the first block of each stage; 1, 2, 2, 2 unless given. */
  strides: each.optional(),
  /** Distance of the taps of each stage's 3x3 filters, pixels; in basic blocks of the first one alone. */
  dilations: each.optional(),
  /**
   * What leaves the network: 0 the stem before its pool, n stage n; the last stage unless given. Stages
   * behind it learn nothing, their running statistics move.
   */
  level: z.int().min(0).max(4).optional(),
  /** Which convolution of a bottleneck has the stride; the 3x3 unless given. */
  strideIn: z.enum(['1x1', '3x3']).optional(),
  /** Groups of the 3x3 convolutions of bottlenecks: ResNeXt, Xie et al. 2017, arXiv:1611.05431. */
  groups: positive.optional(),
  /**
   * Channels of one of them in the first stage, in the paper's width; 4 unless given. One group of 128 is a wide ResNet
   * of factor 2, Zagoruyko & Komodakis 2016, arXiv:1605.07146, as torchvision has it.
   */
  groupWidth: positive.optional(),
  /**
   * Running statistics of bottlenecks that learn move twice a step, as the original's `with_cp` has it: it
   * runs their forward pass again for the gradient. Here nothing runs twice.
   */
  statisticsTwice: z.boolean().optional(),
});
type Fields = z.output<typeof fields>;

/**
 * ResNet, He et al. 2016, arXiv:1512.03385, with the original's names
 * (docs/reference/methods.md, section 1.1).
 */
export const resnetSpec = fields
  .superRefine((spec, context) => {
    for (const [field, message] of contradictions(spec))
      context.addIssue({ code: 'custom', path: [field], message });
  })
  .readonly();
export type ResNetSpec = z.infer<typeof resnetSpec>;

/** Options that do not go together, each with what was expected. */
function* contradictions(spec: Fields): Generator<readonly [keyof Fields, string]> {
  const { stages = 4 } = spec;
  for (const field of ['strides', 'dilations'] as const) {
    const given = spec[field]?.length ?? stages;
    if (given !== stages)
      yield [field, `expected one for each of ${stages} stages, found ${given}`];
  }
  for (const field of ['level', 'frozenStages'] as const)
    if ((spec[field] ?? 0) > stages)
      yield [field, `expected at most ${stages}, as there are ${stages} stages`];
  if ((spec.norm === 'group') !== (spec.normGroups !== undefined))
    yield ['normGroups', 'expected with norm group, and with no other'];
  if (spec.groupWidth !== undefined && spec.groups === undefined)
    yield ['groupWidth', 'expected groups beside it'];
  for (const field of ['groups', 'statisticsTwice'] as const)
    if (spec[field] !== undefined && spec.depth < 50)
      yield [field, `expected depth 50 or more: blocks of depth ${spec.depth} are no bottlenecks`];
}
