import { z } from 'zod';

const LARGEST = 2 ** 24; // apex's

/** A scale that moves, as that of apex and of torch.amp.GradScaler; the names are theirs. */
const Dynamic = z
  .strictObject({
    kind: z.literal('dynamic').default('dynamic'),
    /** Scale of the first update. */
    initial: z.number().positive().default(65536),
    /** Times the scale, after `interval` updates in a row with finite gradients. */
    growth: z.number().min(1).default(2),
    /** Times the scale, at once where gradients are not finite. */
    backoff: z.number().positive().max(1).default(0.5),
    /** Updates. */
    interval: z.int().positive().default(2000),
    /** The scale does not grow beyond it. */
    max: z.number().positive().default(LARGEST),
  })
  .refine(({ initial, max }) => initial <= max, {
    message: 'expected an initial scale of at most max',
    path: ['initial'],
  })
  .readonly();

/**
 * What the loss is multiplied by before it is differentiated, so that gradients do not vanish in float16. A
 * number stays as it is. Powers of two change no bit of gradients that neither vanish nor overflow.
 */
export const LossScaleSpec = z.union([z.number().positive(), Dynamic]);
export type LossScaleSpec = z.output<typeof LossScaleSpec>;

/** The scale of an experiment that asks for float16 and says nothing else. */
export const DYNAMIC: LossScaleSpec = Dynamic.parse({ kind: 'dynamic' });
