import { z } from 'zod';
import { Sha256 } from './hash.ts';

/** A number as it was computed: readable, and every bit of its double, big-endian hex. */
const ExactNumber = z.strictObject({
  value: z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]),
  bits: z.string().regex(/^[0-9a-f]{16}$/),
});
export type ExactNumber = z.infer<typeof ExactNumber>;

const ExactMetrics = z.record(z.string(), ExactNumber);

/** One epoch as it ended; epoch 0 is the state before training. */
export const EpochEntry = z.strictObject({
  epoch: z.int().nonnegative(),
  /** Micro-steps finished since the start. */
  step: z.int().nonnegative(),
  /** Means over the epoch of what the step reports, and this epoch's evaluation. */
  metrics: ExactMetrics,
  /** SHA-256 over weights, momentum, queues and statistics (`stateHash`). */
  stateHash: Sha256,
  /** SHA-256 over the previous entry's chain and this entry: one value stands for all before. */
  chain: Sha256,
});
export type EpochEntry = z.infer<typeof EpochEntry>;

/** `record.json`: what a run was, on what, and what came out, so that anyone can check it. */
export const RunRecord = z.strictObject({
  format: z.literal('reprise-record-1'),
  /** The whole experiment, every default explicit. */
  experiment: z.looseObject({ name: z.string() }),
  experimentId: Sha256,
  /** SHA-256 of the data manifests by use: `train`, `evaluation.train`, `evaluation.test`. */
  data: z.record(z.string(), Sha256),
  /** SHA-256 of the traced step's GraphDef: a change of op order shows before any training. */
  graph: Sha256,
  /** SHA-256 of libtensorflow. */
  library: Sha256,
  fingerprint: z.looseObject({ id: z.string(), device: z.string() }),
  /** Versions, for people; nothing here reaches a result. */
  environment: z.record(z.string(), z.string()),
  epochs: z.array(EpochEntry),
  /** After the last epoch, e.g. the linear probe. Absent while the run goes on. */
  final: ExactMetrics.optional(),
  finished: z.boolean(),
});
export type RunRecord = z.infer<typeof RunRecord>;
