import { z } from 'zod';
import { canonicalJson, Sha256, UserError } from '../base/index.ts';
import type { Metrics } from '../experiment/index.ts';
import { metricsOf } from '../record/entries.ts';
import type { RunRecord } from '../record/record.ts';
import { hashesOf } from '../record/repair.ts';
import { studentQuantile } from './student.ts';

/** Fewest perturbed runs that a band may be measured from. */
export const FEWEST_RUNS = 5;
/** Losses, which move by no whole images. */
const LOSS = /(^|_)loss([._]|$)/;
/** Chance that all values of a run that differs in rounding alone lie in their bands. */
const CONFIDENCE = 0.99;

const Band = z.strictObject({
  mean: z.number(),
  sd: z.number(),
  low: z.number(),
  high: z.number(),
});
export type Band = z.infer<typeof Band>;

const BandsOfMetrics = z.record(z.string(), Band);

const BandRun = z.strictObject({
  /** Seed of the 1-ulp noise on the initial weights. */
  perturbation: z.int(),
  /** Its platform: some runs may have been limited to older instruction sets. */
  fingerprint: z.string(),
  /** Chain of its last epoch. */
  chain: Sha256,
});
export type BandRun = z.infer<typeof BandRun>;

/** Where the values of a run lie that differs from the pinned one in rounding alone. */
export const Bands = z.strictObject({
  /** The perturbed runs; the pinned run itself is one more value of each sample. */
  runs: z.array(BandRun).min(FEWEST_RUNS),
  /** Of all bands together. */
  confidence: z.number(),
  /** Bands that share the risk. */
  comparisons: z.int().positive(),
  /** Two-sided quantile of Student's distribution with `runs` degrees of freedom. */
  quantile: z.number(),
  epochs: z.array(z.strictObject({ epoch: z.int().nonnegative(), metrics: BandsOfMetrics })),
  final: BandsOfMetrics.optional(),
});
export type Bands = z.infer<typeof Bands>;

export interface PerturbedRun {
  readonly perturbation: number;
  readonly record: RunRecord;
}

/**
 * Measures a band for every metric of every epoch. Training is chaotic: a run on another platform
 * leaves this one's path as a run does whose initial weights have moved by one unit in the last
 * place. So n perturbed runs and the pinned one are n + 1 draws of what rounding can do, and a further
 * draw lies within mean ± t sd sqrt(1 + 1 / (n + 1)), the prediction interval for one new value of a
 * normal distribution. t is the quantile at which all bands together hold with probability 0.99,
 * each taking its equal share of the risk (Bonferroni). A band is never narrower than the values
 * seen, nor on either side than the smallest step between two values of its metric in all these runs:
 * an accuracy moves by whole images, which a sample without spread does not show.
 * @param least what one image moves accuracies and precisions, where runs have too few values to show it
 * @throws UserError when runs are too few, or not of the pinned run's experiment, data and length.
 */
export function measureBands(pinned: RunRecord, runs: readonly PerturbedRun[], least = 0): Bands {
  if (runs.length < FEWEST_RUNS)
    throw new UserError(
      `bands need at least ${FEWEST_RUNS} perturbed runs, found ${runs.length}: --runs ${FEWEST_RUNS}`,
    );
  for (const run of runs) checkRun(pinned, run);
  const records = [pinned, ...runs.map(({ record }) => record)];
  const steps = resolutions(records);
  const leastOf = (name: string) => (LOSS.test(name) ? 0 : least);
  const tables = tablesOf(pinned);
  const comparisons = tables.reduce((sum, table) => sum + Object.keys(table).length, 0);
  const quantile = studentQuantile(1 - (1 - CONFIDENCE) / (2 * comparisons), runs.length);
  const [final, ...epochs] = tables.map((table, place) =>
    Object.fromEntries(
      Object.keys(table).map((name) => {
        const sample = records.map((record) => valueAt(record, place, name));
        return [name, bandOf(sample, quantile, Math.max(leastOf(name), steps.get(name) ?? 0))];
      }),
    ),
  );
  return Bands.parse({
    runs: runs.map(({ perturbation, record }) => ({
      perturbation,
      fingerprint: record.fingerprint.id,
      chain: record.epochs.at(-1)?.chain,
    })),
    confidence: CONFIDENCE,
    comparisons,
    quantile,
    epochs: epochs.map((metrics, epoch) => ({ epoch, metrics })),
    ...(pinned.finished ? { final } : {}),
  });
}

/** Whether a value lies in a band. */
export function isWithin({ low, high }: Band, value: number): boolean {
  return low <= value && value <= high;
}

/** The band of one sample; see `measureBands`. */
export function bandOf(sample: readonly number[], quantile: number, resolution: number): Band {
  const count = sample.length;
  const mean = sample.reduce((sum, x) => sum + x, 0) / count;
  const squares = sample.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  const sd = Math.sqrt(squares / (count - 1));
  const half = Math.max(quantile * sd * Math.sqrt(1 + 1 / count), resolution);
  return {
    mean,
    sd,
    low: Math.min(mean - half, ...sample),
    high: Math.max(mean + half, ...sample),
  };
}

/** Metrics of a record by place: 0 is after the last epoch, i + 1 epoch i. */
function tablesOf({ epochs, final = {} }: RunRecord): Metrics[] {
  return [metricsOf(final), ...epochs.map(({ metrics }) => metricsOf(metrics))];
}

function valueAt(record: RunRecord, place: number, name: string): number {
  const value = tablesOf(record)[place]?.[name];
  if (value === undefined || !Number.isFinite(value))
    throw new UserError(
      `bands: ${place === 0 ? 'the end' : `epoch ${place - 1}`} of a run has ${name} ` +
        `${value ?? 'nowhere'}; expected a finite number in every run`,
    );
  return value;
}

/** The smallest difference between two values of a metric, over all runs and epochs. */
function resolutions(records: readonly RunRecord[]): Map<string, number> {
  const values = new Map<string, number[]>();
  for (const table of records.flatMap(tablesOf))
    for (const [name, value] of Object.entries(table))
      values.set(name, [...(values.get(name) ?? []), value]);
  return new Map([...values].map(([name, all]) => [name, smallestStep(all)]));
}

function smallestStep(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const steps = sorted.slice(1).map((value, i) => value - (sorted[i] ?? value));
  const apart = steps.filter((step) => step > 0);
  return apart.length === 0 ? 0 : Math.min(...apart);
}

function checkRun(pinned: RunRecord, { perturbation, record }: PerturbedRun): void {
  const parts = [
    ['experimentId', pinned.experimentId, record.experimentId],
    ['graph', pinned.graph, record.graph],
    ['data', canonicalJson(hashesOf(pinned.data)), canonicalJson(hashesOf(record.data))],
    ['epochs', pinned.epochs.length, record.epochs.length],
    ['finished', pinned.finished, record.finished],
  ] as const;
  for (const [part, expected, found] of parts)
    if (expected !== found)
      throw new UserError(
        `perturbed run ${perturbation}: ${part} is ${found}, expected ${expected} as in the pinned run`,
      );
  const moved = record.epochs.at(0)?.stateHash !== pinned.epochs.at(0)?.stateHash;
  if (!moved)
    throw new UserError(
      `perturbed run ${perturbation} starts from the same state as the pinned run; its noise is missing`,
    );
}
