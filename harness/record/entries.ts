import { z } from 'zod';
import { canonicalJson, Sha256, sha256 } from '../base/index.ts';
import type { Metrics } from '../experiment/index.ts';

/** A number as it was computed: readable, and every bit of its double, big-endian hex. */
const ExactNumber = z.strictObject({
  value: z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]),
  bits: z.string().regex(/^[0-9a-f]{16}$/),
});
export type ExactNumber = z.infer<typeof ExactNumber>;

export const ExactMetrics = z.record(z.string(), ExactNumber);
export type ExactMetrics = z.infer<typeof ExactMetrics>;

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

/** The chain before the first entry. */
const START = '0'.repeat(64);

/** A number with every bit of its double, so that a record loses nothing to printing. */
export function exactNumber(value: number): ExactNumber {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return { value: readable(value), bits: bytes.toString('hex') };
}

/** The double behind the bits. */
export function numberOf({ bits }: ExactNumber): number {
  return Buffer.from(bits, 'hex').readDoubleBE();
}

export function exactMetrics(metrics: Metrics): Record<string, ExactNumber> {
  return Object.fromEntries(
    Object.entries(metrics).map(([name, value]) => [name, exactNumber(value)]),
  );
}

export function metricsOf(exact: Readonly<Record<string, ExactNumber>>): Metrics {
  return Object.fromEntries(Object.entries(exact).map(([name, value]) => [name, numberOf(value)]));
}

/** SHA-256 over the chain of the entry before and this one: it stands for all entries so far. */
export function chainOf(
  entry: Omit<EpochEntry, 'chain'>,
  previous: Pick<EpochEntry, 'chain'> | undefined,
): Sha256 {
  const { epoch, step, metrics, stateHash } = entry;
  const json = canonicalJson({ epoch, step, metrics, stateHash });
  return sha256(`${previous?.chain ?? START}\n${json}`);
}

/** An entry with its chain. */
export function chained(
  entry: Omit<EpochEntry, 'chain'>,
  previous: Pick<EpochEntry, 'chain'> | undefined,
): EpochEntry {
  return { ...entry, chain: chainOf(entry, previous) };
}

function readable(value: number): ExactNumber['value'] {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}
