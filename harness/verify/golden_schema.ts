import { z } from 'zod';
import { Sha256 } from '../base/index.ts';
import { RunRecord } from '../record/record.ts';
import { Bands } from './bands.ts';

/** A number of a record that has changed; `metric` may be `state`, a hash. */
export const Change = z.strictObject({
  epoch: z.union([z.int().nonnegative(), z.literal('final')]),
  metric: z.string(),
  before: z.union([z.number(), z.string()]).optional(),
  after: z.union([z.number(), z.string()]).optional(),
});
export type Change = z.infer<typeof Change>;

/** One blessing: why a golden is as it is. */
export const Blessing = z.strictObject({
  reason: z.string().min(1),
  command: z.string(),
  /** The commit whose code made the numbers. */
  commit: z.string(),
  /** Chain of the pinned run's last epoch. */
  chain: Sha256,
  /** Which of these have changed: the traced step, the data, the horizon, the format. */
  changed: z.array(z.enum(['graph', 'data', 'horizon', 'format'])),
  /** Ids of the experiment before and after a revision of the format. */
  ids: z.strictObject({ before: Sha256, after: Sha256 }).optional(),
  /** Where the numbers first part from those before. */
  first: Change.optional(),
  /** Every number that has changed; empty for a new golden. */
  differences: z.array(Change),
  /** Who met these bits on another day, where that is what this entry tells. */
  met: z
    .strictObject({
      /** Of the numerics. */
      id: z.string(),
      cpu: z.string(),
      /** Id of the fingerprint. */
      fingerprint: z.string(),
      date: z.iso.date(),
    })
    .optional(),
});
export type Blessing = z.infer<typeof Blessing>;

/**
 * A pinned run, `golden/<first 12 digits of the experiment id>/<id>.json`: one file for each id of numerics that
 * somebody has run it on, whatever the CPU is called. One that was made before there were ids has that of its
 * fingerprint until a machine adopts it. Only `scripts/bless.mjs` writes it.
 */
export const Golden = z.strictObject({
  format: z.literal('reprise-golden-2'),
  /** Epochs that are pinned: all, or the first of a run too long to be repeated whole. */
  horizon: z.int().nonnegative(),
  /** Experiment, data, graph, library, platform, and every epoch to the bit. */
  record: RunRecord,
  /** Ids of numerics that have met it bit by bit and are not the record's own; the first names the file. */
  adopted: z.array(z.string()).min(1).readonly().optional(),
  /** What a platform without a golden is held to. */
  bands: Bands.optional(),
  /** Oldest first. */
  log: z.array(Blessing).min(1),
  seal: Sha256,
});
export type Golden = z.infer<typeof Golden>;
