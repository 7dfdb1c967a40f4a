import { z } from 'zod';

const rate = z.number().nonnegative();
const share = z.number().min(0).max(1);

/** Of every rule. */
const always = {
  /** Regular expression, searched for anywhere in the full name, e.g. `^head\\.` or `bias`. */
  match: z.string().refine(isPattern, 'expected a regular expression'),
  /** In place of the base rate; the schedule scales it in the same way. */
  lr: rate.optional(),
  lrMultiplier: rate.optional(),
  weightDecay: rate.optional(),
  weightDecayMultiplier: rate.optional(),
};
const moving = {
  ...always,
  momentum: share.optional(),
  momentumMultiplier: rate.optional(),
  dampening: z.number().optional(),
  dampeningMultiplier: z.number().optional(),
  nesterov: z.boolean().optional(),
  /** LARS: the plain rate, without layer-wise scaling. */
  larsExclude: z.boolean().optional(),
};
const layerwise = { ...moving, eta: rate.optional(), etaMultiplier: rate.optional() };

/**
 * Rules: how a group of parameters is treated otherwise; a field that is left out is as for all
 * others, one that ends in `Multiplier` is times what all others have. All rules that match apply,
 * in order: of two that set the same, the later one counts.
 */
function rulesOf<Shape extends typeof always>(shape: Shape) {
  const rule = z.strictObject(shape).superRefine((value: Readonly<Record<string, unknown>>, at) => {
    for (const field of Object.keys(shape))
      if (value[field] !== undefined && value[`${field}Multiplier`] !== undefined)
        at.addIssue({
          code: 'custom',
          message: `expected ${field} or ${field}Multiplier, not both`,
        });
  });
  return z.array(rule.readonly()).default([]).readonly();
}

const Clip = z.union([
  z.number().positive(),
  z
    .strictObject({
      maxNorm: rate,
      /** The norm is the p-th root of the sum of |g|^p; `max`: the largest |g|. */
      p: z.union([z.number().positive(), z.literal('max')]).default(2),
    })
    .readonly(),
]);

const common = {
  /** Rate before schedule and warm-up, for the whole batch over all replicas. */
  lr: rate,
  weightDecay: rate.default(0),
  /**
   * Largest norm of all gradients together; longer ones are scaled down to it. A number alone is of
   * their L2 norm.
   */
  gradClip: Clip.optional(),
};

const momentum = {
  ...common,
  momentum: share.default(0.9),
  /** Share of a gradient that does not enter the momentum; the first one enters it whole. */
  dampening: z.number().optional(),
  nesterov: z.boolean().default(false),
};

const plainAhead = {
  message: 'expected 0 with nesterov, as torch.optim.SGD does',
  path: ['dampening'],
};
interface Ahead {
  readonly nesterov: boolean;
  readonly dampening?: number | undefined;
}
const isPlainAhead = ({ nesterov, dampening = 0 }: Ahead) => !nesterov || dampening === 0;

/** As torch.optim.SGD. */
const Sgd = z
  .strictObject({ kind: z.literal('sgd'), ...momentum, rules: rulesOf(moving) })
  .refine(isPlainAhead, plainAhead)
  .readonly();

/** Layer-wise adaptive rates, You et al. 2017, arXiv:1708.03888, as the original system has it. */
const Lars = z
  .strictObject({
    kind: z.literal('lars'),
    ...momentum,
    rules: rulesOf(layerwise),
    /** Size of a step over the size of the weight. */
    eta: z.number().positive().default(0.001),
  })
  .refine(isPlainAhead, plainAhead)
  .readonly();

const adaptive = {
  ...common,
  /** Shares of the means of gradients, and of their squares, that stay at each step. */
  betas: z.tuple([share, share]).readonly().default([0.9, 0.999]),
  epsilon: rate.default(1e-8),
  rules: rulesOf(always),
};

/** As torch.optim.Adam: Kingma & Ba 2015, arXiv:1412.6980, weight decay as a part of the gradient. */
const Adam = z.strictObject({ kind: z.literal('adam'), ...adaptive }).readonly();

/** As torch.optim.AdamW: Loshchilov & Hutter 2019, arXiv:1711.05101, weight decay by itself. */
const AdamW = z.strictObject({ kind: z.literal('adamw'), ...adaptive }).readonly();

/** How gradients become steps. */
export const OptimizerSpec = z.discriminatedUnion('kind', [Sgd, Lars, Adam, AdamW]);
export type OptimizerSpec = z.output<typeof OptimizerSpec>;
export type AdamSpec = Extract<OptimizerSpec, { readonly betas: unknown }>;
export type GradClip = z.output<typeof Clip>;

/** What a log shows as the momentum: Adam's share of the mean of gradients that stays. */
export function momentumOf(spec: OptimizerSpec): number {
  return spec.kind === 'sgd' || spec.kind === 'lars' ? spec.momentum : spec.betas[0];
}

function isPattern(source: string): boolean {
  try {
    return new RegExp(source, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}
