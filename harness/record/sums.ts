import { z } from 'zod';
import type { Metrics } from '../experiment/index.ts';

/** Sums over the steps of an epoch so far; in a checkpoint JSON keeps every bit of a finite double. */
export const EpochSums = z
  .strictObject({
    images: z.number().nonnegative(),
    /** Value times images by metric, in the order of the step's outputs. */
    totals: z.array(z.tuple([z.string(), z.number()]).readonly()).readonly(),
    /** What the method said before the epoch's first step; absent where that is still to be done. */
    before: z
      .array(z.tuple([z.string(), z.number()]).readonly())
      .readonly()
      .optional(),
  })
  .readonly();
export type EpochSums = z.infer<typeof EpochSums>;

export const NO_SUMS: EpochSums = { images: 0, totals: [] };

/** The sums with one more step: always added in the order of the steps, so the bits are fixed. */
export function withStep(sums: EpochSums, metrics: Metrics, images: number): EpochSums {
  const before = new Map(sums.totals);
  return {
    ...sums,
    images: sums.images + images,
    totals: Object.entries(metrics).map(
      ([name, value]) => [name, (before.get(name) ?? 0) + value * images] as const,
    ),
  };
}

/** Means over the epoch, weighted by images. */
export function meansOf({ images, totals }: EpochSums): Metrics {
  return Object.fromEntries(totals.map(([name, total]) => [name, total / images]));
}

/** What was said before the epoch's first step. */
export function beforeOf({ before = [] }: EpochSums): Metrics {
  return Object.fromEntries(before);
}
