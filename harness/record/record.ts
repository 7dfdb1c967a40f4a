import { join } from 'node:path';
import { z } from 'zod';
import {
  canonicalJson,
  kindOfPath,
  parse,
  readJson,
  Sha256,
  sha256Json,
  UserError,
  writeAtomic,
} from '../base/index.ts';
import { respelled } from '../experiment/former.ts';
import { chainOf, EpochEntry, ExactMetrics, exactNumber, numberOf } from './entries.ts';
import { FORMER_FORMAT, metricsInPercent, REVISION_REASON, revisedEntries } from './former.ts';
import { Numerics, Print } from './numerics.ts';
import { RunData } from './repair.ts';

const Revision = z.strictObject({
  format: z.literal(FORMER_FORMAT),
  experimentId: Sha256,
  seal: Sha256,
  reason: z.string(),
});

/** `record.json`: what a run was, on what, and what came out, so that anyone can check it. */
export const RunRecord = z.strictObject({
  format: z.literal('reprise-record-2'),
  /** The whole experiment, every default explicit. */
  experiment: z.looseObject({ name: z.string() }),
  experimentId: Sha256,
  data: RunData,
  /** SHA-256 of the traced step's GraphDef: a change of op order shows before any training. */
  graph: Sha256,
  /** SHA-256 of libtensorflow. */
  library: Sha256,
  /** The machine, as described. */
  fingerprint: Print,
  /** What it computes; absent where the record was made before there were ids. */
  numerics: Numerics.optional(),
  /** Versions, for people; no result depends on them. */
  environment: z.record(z.string(), z.string()),
  epochs: z.array(EpochEntry),
  /** After the last epoch, e.g. the linear probe. Absent while the run goes on. */
  final: ExactMetrics.optional(),
  finished: z.boolean(),
  /** Where the record was made in the former format: what identified it then. */
  revised: Revision.optional(),
  /** SHA-256 of all else in here (`sealed`): a field changed by hand or by a bad disk shows. */
  seal: Sha256,
});
export type RunRecord = z.infer<typeof RunRecord>;

const FormerRecord = RunRecord.extend({ format: z.literal(FORMER_FORMAT) });
type FormerRecord = z.infer<typeof FormerRecord>;
export type UnsealedRecord = Omit<RunRecord, 'seal'>;

const FILE = 'record.json';

/** A record with its seal. */
export function sealed(record: UnsealedRecord): RunRecord {
  return { ...record, seal: sealOf(record) };
}

/** A record as text: equal records give equal bytes. */
export function recordText(record: RunRecord): string {
  return `${JSON.stringify(JSON.parse(canonicalJson(record)), null, 2)}\n`;
}

/** Writes `record.json` into a folder, sealed. */
export async function writeRecord(folder: string, record: UnsealedRecord): Promise<void> {
  await writeAtomic(join(folder, FILE), recordText(sealed(record)));
}

/**
 * The record of a work directory, or of a file, checked against itself (`checkRecord`).
 * @throws UserError when there is none, or naming what does not fit.
 */
export function readRecord(path: string): RunRecord {
  const file = kindOfPath(path) === 'folder' ? join(path, FILE) : path;
  if (kindOfPath(file) === undefined)
    throw new UserError(
      `${file} is not there; expected the work directory of a run, or its record`,
    );
  return checkRecord(readJson(file, 'the record of a run (record.json)'), file);
}

/**
 * A record whose parts fit each other; one of the former format, once it is checked, as one of today. The id is the experiment's, decimals are what their bits say,
 * every entry follows from the one before, the seal covers all.
 * @param what names the record in messages.
 * @throws UserError naming the first part that does not fit.
 */
export function checkRecord(json: unknown, what: string): RunRecord {
  const former = z.looseObject({ format: z.literal(FORMER_FORMAT) }).safeParse(json).success;
  return former ? revised(checked(FormerRecord, json, what)) : checked(RunRecord, json, what);
}

function checked<T extends RunRecord | FormerRecord>(
  schema: z.ZodType<T>,
  json: unknown,
  what: string,
): T {
  const record = parse(schema, json, what);
  const misfit = misfitOf(record);
  if (misfit !== undefined)
    throw new UserError(
      `${what} was changed after it was written: ${misfit}; ` +
        'use an untouched copy, or run the experiment again',
    );
  return record;
}

/** A record of the former format as one of today: the same run, spelled and measured as now. */
function revised({ seal, format, experimentId, ...former }: FormerRecord): RunRecord {
  const experiment = z.looseObject({ name: z.string() }).parse(respelled(former.experiment));
  const { epochs, final } = former;
  return sealed({
    ...former,
    format: 'reprise-record-2',
    experiment,
    experimentId: sha256Json(experiment),
    epochs: revisedEntries(epochs),
    ...(final === undefined ? {} : { final: metricsInPercent(final) }),
    revised: { format, experimentId, seal, reason: REVISION_REASON },
  });
}

function misfitOf(record: RunRecord | FormerRecord): string | undefined {
  const { experiment, experimentId: id, epochs, final = {}, finished, seal } = record;
  const found = sha256Json(experiment);
  if (found !== id) return `experimentId is ${id}, but the experiment in it has id ${found}`;
  const ends = epochs.map(({ epoch, metrics }) => ({ at: `epoch ${epoch}`, metrics }));
  for (const { at, metrics } of [...ends, { at: 'final', metrics: final }])
    for (const [name, number] of Object.entries(metrics))
      if (exactNumber(numberOf(number)).value !== number.value)
        return `${at}: ${name} is ${number.value}, but its bits say ${numberOf(number)}`;
  for (const [i, entry] of epochs.entries()) {
    if (entry.epoch !== i) return `entry ${i} is of epoch ${entry.epoch}`;
    if (chainOf(entry, epochs[i - 1]) !== entry.chain)
      return `epoch ${i}: step, metrics and state hash do not give its chain ${entry.chain}`;
  }
  if (finished !== (record.final !== undefined)) return 'finished and final contradict each other';
  if (seal !== sealOf(record)) return 'what stands outside the epochs does not fit its seal';
  return undefined;
}

function sealOf(record: UnsealedRecord | FormerRecord): Sha256 {
  return sha256Json({ ...record, seal: undefined });
}
