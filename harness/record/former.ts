import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { sha256Json } from '../base/index.ts';
import { respelled } from '../experiment/former.ts';
import type { Metrics } from '../experiment/index.ts';
import { readSteps, type StepRow } from '../log/step_file.ts';
import type { CheckpointMeta, LoadedCheckpoint } from '../weights/checkpoint.ts';
import { chained, EpochEntry, type ExactMetrics, exactNumber, numberOf } from './entries.ts';

/** The format of records in which accuracies were shares of 0 to 1, and some necks named after methods. */
export const FORMER_FORMAT = 'reprise-record-1';

/** Why a record of the former format has another id, other chains and another seal now. */
export const REVISION_REASON =
  'one revision of the format: accuracies in percent, necks by their layers, method kinds in one spelling';

/** Metrics that were shares of 0 to 1 in the former format. */
const SHARES: ReadonlySet<string> = new Set(['accuracy']);

/** A value in today's unit: exactly 100 times what it was, rounded once to a double. */
export function inPercent(name: string, value: number): number {
  return SHARES.has(name) ? 100 * value : value;
}

export function metricsInPercent(metrics: ExactMetrics): ExactMetrics {
  return Object.fromEntries(
    Object.entries(metrics).map(([name, exact]) => [
      name,
      SHARES.has(name) ? exactNumber(inPercent(name, numberOf(exact))) : exact,
    ]),
  );
}

/** Entries in today's units, chained anew; states and steps are what they were. */
export function revisedEntries(entries: readonly EpochEntry[]): EpochEntry[] {
  const revised: EpochEntry[] = [];
  for (const { chain: _, ...entry } of entries)
    revised.push(chained({ ...entry, metrics: metricsInPercent(entry.metrics) }, revised.at(-1)));
  return revised;
}

const FormerExtra = z.looseObject({ epochs: z.array(EpochEntry).optional() });

/** What a checkpoint of the former format says, as one of today says it. Its tensors stay as they are. */
export function revisedMeta(meta: CheckpointMeta): CheckpointMeta {
  const { epochs, ...extra } = FormerExtra.parse(meta.extra);
  if ('format' in extra || epochs === undefined) return meta; // of today, or no run's
  const experiment = respelled(meta.experiment);
  return {
    ...meta,
    experiment: z.record(z.string(), z.unknown()).parse(experiment),
    experimentId: sha256Json(experiment),
    extra: { format: 'reprise-record-2', ...extra, epochs: revisedEntries(epochs) },
  };
}

/** A checkpoint of either format, as one of today. */
export function revisedCheckpoint<T extends LoadedCheckpoint>(checkpoint: T): T {
  return { ...checkpoint, meta: revisedMeta(checkpoint.meta) };
}

/** Whether the files of a work directory are in the former format. */
export function isFormer(folder: string): boolean {
  try {
    const json: unknown = JSON.parse(readFileSync(join(folder, 'record.json'), 'utf8'));
    return z.looseObject({ format: z.literal(FORMER_FORMAT) }).safeParse(json).success;
  } catch {
    return false; // no record, or a damaged one, which its readers refuse
  }
}

/** The steps of a work directory in today's units, whatever its format. */
export function readRunSteps(folder: string): StepRow[] {
  const rows = readSteps(folder);
  if (!isFormer(folder)) return rows;
  return rows.map((row) => ({ ...row, metrics: stepInPercent(row.metrics) }));
}

function stepInPercent(metrics: Metrics): Metrics {
  return Object.fromEntries(
    Object.entries(metrics).map(([name, value]) => [name, inPercent(name, value)]),
  );
}
