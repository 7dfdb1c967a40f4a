import { z } from 'zod';
import { parse } from '../../base/parse.ts';
import { ScheduleSpec } from '../../optim/schedule_spec.ts';
import { onlyKnown, unsupported } from './unsupported.ts';

/** mmcv's lr_config; `scheduleOf` looks at what its policy has. */
export const lrConfig = z.looseObject({ policy: z.string() });

const base = {
  policy: z.string(),
  by_epoch: z.boolean().default(true),
  warmup: z.enum(['constant', 'linear', 'exp']).nullish(),
  warmup_iters: z.number().nonnegative().default(0),
  warmup_ratio: z.number().default(0.1),
  warmup_by_epoch: z.boolean().default(false),
};
const number = z.number();
const pair = z.union([number, z.array(number).min(1).max(2)]);

/** Options of each policy, with mmcv's defaults. */
const POLICIES = {
  fixed: z.object(base),
  step: z.object({
    ...base,
    step: z.union([z.int().positive(), z.array(z.int().positive())]),
    gamma: number.default(0.1),
  }),
  exp: z.object({ ...base, gamma: number }),
  poly: z.object({ ...base, power: number.default(1), min_lr: number.default(0) }),
  inv: z.object({ ...base, gamma: number, power: number.default(1) }),
  cosineannealing: z.object({
    ...base,
    min_lr: number.nullish(),
    min_lr_ratio: number.nullish(),
  }),
  cyclic: z.object({
    ...base,
    by_epoch: z.boolean().default(false),
    target_ratio: pair.default([10, 1e-4]),
    cyclic_times: z.int().positive().default(1),
    step_ratio_up: number.default(0.4),
  }),
};
type Policy = keyof typeof POLICIES;
type Config<Name extends Policy> = z.output<(typeof POLICIES)[Name]>;

/**
 * The schedule of an lr_config, as mmcv 1.0.3 has it.
 * @throws UserError for a policy or an option that the harness has not.
 */
export function scheduleOf(config: z.output<typeof lrConfig>): ScheduleSpec {
  const policy = config.policy.toLowerCase();
  if (!Object.hasOwn(POLICIES, policy))
    throw unsupported(
      `lr_config.policy ${config.policy}`,
      `the harness has ${Object.keys(POLICIES).join(', ')} of mmcv's and no other`,
    );
  const schema = POLICIES[policy as Policy];
  onlyKnown(`lr_config ${config.policy}`, config, Object.keys(schema.shape));
  const parsed = parse(schema, config, 'lr_config') as z.output<typeof schema>;
  const { warmup, warmup_iters: length, warmup_ratio: ratio, warmup_by_epoch: epochs } = parsed;
  const value = {
    ...regularOf(policy as Policy, parsed),
    per: parsed.by_epoch ? 'epoch' : 'step',
    ...(warmup
      ? {
          warmup: {
            kind: warmup,
            ratio,
            ...(epochs ? { epochs: length } : { iterations: length }),
          },
        }
      : {}),
  };
  return parse(ScheduleSpec, value, 'lr_config');
}

function regularOf(policy: Policy, config: object): Record<string, unknown> {
  switch (policy) {
    case 'fixed':
      return { kind: 'constant' };
    case 'step': {
      const { step, gamma } = config as Config<'step'>;
      if (typeof step === 'number') return { kind: 'step', every: step, gamma };
      // mmcv counts up to the first that is still ahead, so a later one that is smaller waits for it.
      const milestones = step.map((_, i) => Math.max(...step.slice(0, i + 1)));
      return { kind: 'step', milestones, gamma };
    }
    case 'exp':
      return { kind: 'exp', gamma: (config as Config<'exp'>).gamma };
    case 'poly': {
      const { power, min_lr: minLr } = config as Config<'poly'>;
      return { kind: 'poly', power, minLr };
    }
    case 'inv': {
      const { gamma, power } = config as Config<'inv'>;
      return { kind: 'inv', gamma, power };
    }
    case 'cosineannealing': {
      const { min_lr, min_lr_ratio } = config as Config<'cosineannealing'>;
      return {
        kind: 'cosine',
        from: 'start',
        minLr: min_lr ?? undefined,
        minLrRatio: min_lr_ratio ?? undefined,
      };
    }
    case 'cyclic':
      return cyclic(config as Config<'cyclic'>);
  }
}

function cyclic({ by_epoch, target_ratio, ...config }: Config<'cyclic'>): Record<string, unknown> {
  if (by_epoch)
    throw unsupported('lr_config cyclic.by_epoch', 'mmcv has these cycles by iteration alone');
  const [top = 0, end = top / 1e5] = [target_ratio].flat();
  const { cyclic_times: times, step_ratio_up: up } = config;
  return { kind: 'cyclic', targets: [top, end], times, up };
}
