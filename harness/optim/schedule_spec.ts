import { z } from 'zod';

const rate = z.number().nonnegative();

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
    /** The same as a share of the base rate. */
    minLrRatio: rate.optional(),
    ...timing,
    /** mmcv has a staircase, `epoch`. */
    per: Per.default('step'),
    /** Where the half cosine begins: mmcv counts from the start, so part of it is under the warm-up. */
    from: z.enum(['warmup', 'start']).default('warmup'),
  })
  .refine(({ minLr, minLrRatio }) => minLr === 0 || minLrRatio === undefined, {
    message: 'expected minLr or minLrRatio, not both',
  })
  .readonly();

const Step = z
  .strictObject({
    kind: z.literal('step'),
    /** Epochs (or steps, with `per: step`) from which on the rate is multiplied by gamma. */
    milestones: z.array(z.int().positive()).readonly().optional(),
    /** In place of milestones: every so many epochs or steps. */
    every: z.int().positive().optional(),
    gamma: z.number().positive().default(0.1),
    ...timing,
  })
  .refine(({ milestones, every }) => (milestones === undefined) !== (every === undefined), {
    message: 'expected milestones or every, and not both',
    path: ['milestones'],
  })
  .readonly();

const Constant = z.strictObject({ kind: z.literal('constant'), ...timing }).readonly();

/** base gamma^t, t in epochs or steps. */
const Exp = z
  .strictObject({ kind: z.literal('exp'), gamma: z.number().positive(), ...timing })
  .readonly();

/** minLr + (base - minLr) (1 - t / T)^power, T the whole of training. */
const Poly = z
  .strictObject({
    kind: z.literal('poly'),
    power: rate.default(1),
    minLr: rate.default(0),
    ...timing,
  })
  .readonly();

/** base / (1 + gamma t)^power. */
const Inv = z
  .strictObject({ kind: z.literal('inv'), gamma: rate, power: rate.default(1), ...timing })
  .readonly();

/** Cycles of two half cosines, from the base rate up and then down; by steps. */
const Cyclic = z
  .strictObject({
    kind: z.literal('cyclic'),
    /** The highest rate and the one at the end of a cycle, over the base rate. */
    targets: z.tuple([rate, rate]).readonly().default([10, 1e-4]),
    /** Cycles in the whole of training. */
    times: z.int().positive().default(1),
    /** Share of a cycle in which the rate rises. */
    up: z.number().min(0).lt(1).default(0.4),
    ...timing,
    per: z.literal('step').default('step'),
  })
  .readonly();

/** The learning rate over time, as mmcv's lr_config. */
export const ScheduleSpec = z.discriminatedUnion('kind', [
  Cosine,
  Step,
  Constant,
  Exp,
  Poly,
  Inv,
  Cyclic,
]);
export type ScheduleSpec = z.output<typeof ScheduleSpec>;
