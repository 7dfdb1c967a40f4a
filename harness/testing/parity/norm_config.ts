import { z } from 'zod';
import { UserError } from '../../base/errors.ts';
import { unsupported } from './unsupported.ts';

/** The reference's config of a norm: its type, and what the class of that type takes. */
export const normConfig = z
  .strictObject({
    type: z.string().default('BN'),
    requires_grad: z.boolean().default(true),
    eps: z.number().positive().default(1e-5),
    momentum: z.number().min(0).max(1).nullable().default(0.1),
    affine: z.boolean().default(true),
    num_groups: z.int().positive().optional(),
    track_running_stats: z.boolean().default(true),
  })
  .transform(({ type, momentum, ...config }) => {
    const kind = KINDS[type];
    if (kind === undefined)
      throw unsupported(
        `norm_cfg.type ${type}`,
        `the reference has ${Object.keys(KINDS).join(', ')}`,
      );
    if (momentum === null)
      throw unsupported('norm_cfg.momentum null', 'a mean over all batches so far is not kept');
    if (!config.track_running_stats)
      throw unsupported(
        'norm_cfg.track_running_stats false',
        'norms keep their running statistics',
      );
    if ((kind === 'group') !== (config.num_groups !== undefined))
      throw new UserError(
        `norm_cfg: num_groups goes with type GN, and with no other; found ${type}`,
      );
    const { eps: epsilon, affine, requires_grad: learns, num_groups: groups } = config;
    return { kind, epsilon, momentum, affine, learns, groups };
  });
export type NormConfig = z.output<typeof normConfig>;

const KINDS: Readonly<Record<string, 'batch' | 'sync' | 'group'>> = {
  BN: 'batch',
  SyncBN: 'sync',
  GN: 'group',
};
