import { z } from 'zod';

const rate = z.number().nonnegative();
const share = z.number().min(0).max(1);

/**
 * How a group of parameters is treated otherwise; a field that is left out is as for all others.
 */
const Rule = z
  .strictObject({
    /** Regular expression, searched for anywhere in the full name, e.g. `^head\\.` or `bias`. */
    match: z.string().refine(isPattern, 'expected a regular expression'),
    /** In place of the base rate; the schedule scales it in the same way. */
    lr: rate.optional(),
    lrMultiplier: rate.optional(),
    momentum: share.optional(),
    weightDecay: rate.optional(),
    /** LARS: the plain rate, without layer-wise scaling. */
    larsExclude: z.boolean().optional(),
  })
  .refine((rule) => rule.lr === undefined || rule.lrMultiplier === undefined, {
    message: 'expected lr or lrMultiplier, not both',
  })
  .readonly();

const common = {
  /** Rate before schedule and warm-up, for the whole batch over all replicas. */
  lr: rate,
  momentum: share.default(0.9),
  weightDecay: rate.default(0),
  nesterov: z.boolean().default(false),
  /** All that match apply, in order: of two that set the same, the later one counts. */
  rules: z.array(Rule).default([]).readonly(),
  /** Largest L2 norm of all gradients together; longer ones are scaled down to it. */
  gradClip: z.number().positive().optional(),
};

/** As torch.optim.SGD with dampening 0. */
const Sgd = z.strictObject({ kind: z.literal('sgd'), ...common }).readonly();

/** Layer-wise adaptive rates, You et al. 2017, arXiv:1708.03888, as the original system has it. */
const Lars = z
  .strictObject({
    kind: z.literal('lars'),
    ...common,
    /** Size of a step over the size of the weight. */
    eta: z.number().positive().default(0.001),
  })
  .readonly();

/** How gradients become steps. */
export const OptimizerSpec = z.discriminatedUnion('kind', [Sgd, Lars]);
export type OptimizerSpec = z.output<typeof OptimizerSpec>;

const Warmup = z
  .strictObject({
    /** Length, in epochs or in iterations. */
    epochs: z.number().nonnegative().optional(),
    iterations: z.int().nonnegative().optional(),
    /** Share of the regular rate at the first iteration. */
    ratio: z.number().positive().max(1).default(0.1),
    kind: z.enum(['linear', 'constant', 'exp']).default('linear'),
  })
  .refine((warmup) => (warmup.epochs === undefined) !== (warmup.iterations === undefined), {
    message: 'expected epochs or iterations, and not both',
  })
  .readonly();

/** How often the regular rate changes; warm-up always changes it at every iteration. */
const Per = z.enum(['epoch', 'step']);
const timing = { per: Per.default('epoch'), warmup: Warmup.optional() };

const Cosine = z
  .strictObject({
    kind: z.literal('cosine'),
    /** Where the base rate ends, after the last epoch. */
    minLr: rate.default(0),
    ...timing,
    /** mmcv has a staircase, `epoch`. */
    per: Per.default('step'),
    /** Where the half cosine begins: mmcv counts from the start, so part of it is under the warm-up. */
    from: z.enum(['warmup', 'start']).default('warmup'),
  })
  .readonly();

const Step = z
  .strictObject({
    kind: z.literal('step'),
    /** Epochs (or steps, with `per: step`) from which on the rate is multiplied by gamma. */
    milestones: z.array(z.int().positive()).readonly(),
    gamma: z.number().positive().default(0.1),
    ...timing,
  })
  .readonly();

const Constant = z.strictObject({ kind: z.literal('constant'), ...timing }).readonly();

/** The learning rate over time, as mmcv's lr_config. */
export const ScheduleSpec = z.discriminatedUnion('kind', [Cosine, Step, Constant]);
export type ScheduleSpec = z.output<typeof ScheduleSpec>;

function isPattern(source: string): boolean {
  try {
    return new RegExp(source, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}
