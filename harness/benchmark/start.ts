import { UserError } from '../base/index.ts';
import type { EpochEntry } from '../record/entries.ts';
import type { RunRecord } from '../record/record.ts';
import { fieldsApart, recordIn } from '../run/work_dir.ts';
import { type BenchmarkExperiment, benchmarkId } from './experiment.ts';
import { readUnit } from './unit_file.ts';

export interface StartRequest {
  readonly folder: string;
  readonly experiment: BenchmarkExperiment;
  readonly units: readonly string[];
  /** `auto`: goes on with what the folder has. */
  readonly resumeFrom?: string | undefined;
  readonly perturbation?: number | undefined;
  readonly warn: (message: string) => void;
}

/** A run to go on with. */
export interface Start {
  readonly record: RunRecord;
  /** Those of its units whose tensors are there, after the one of the opened state. */
  readonly entries: readonly EpochEntry[];
}

/**
 * Where a benchmark begins: after the units that its folder has, or at the beginning (undefined). What could be gone on
 * with is never overwritten.
 * @throws UserError when the folder holds another run, or this one and nobody said to resume.
 */
export async function findBenchmarkStart(request: StartRequest): Promise<Start | undefined> {
  const record = sameRecord(request);
  if (record === undefined) return undefined;
  if (request.resumeFrom === undefined && record.epochs.length > 0)
    throw occupied(request.folder, record);
  return { record, entries: await wholeUnits(request, record) };
}

/**
 * The record of a folder.
 * @throws UserError when it is of another run
 */
export function sameRecord(request: Omit<StartRequest, 'units' | 'warn'>): RunRecord | undefined {
  const { folder, experiment, resumeFrom, perturbation } = request;
  if (resumeFrom !== undefined && resumeFrom !== 'auto')
    throw new UserError(`--resume_from ${resumeFrom}: expected auto; --work_dir names the run`);
  const record = recordIn(folder);
  if (record === undefined) return undefined;
  if (record.experimentId !== benchmarkId(experiment))
    throw new UserError(
      `${folder} holds a run of another experiment, ${record.experiment.name}:` +
        `${fieldsApart(record.experiment, experiment)}\nchoose another --work_dir, or empty this one`,
    );
  const noise = perturbation === undefined ? undefined : String(perturbation);
  if (record.environment.perturbation !== noise)
    throw new UserError(
      `perturbation: found ${noise ?? 'none'}, but ${folder} was made with ${record.environment.perturbation ?? 'none'}`,
    );
  return record;
}

/** What to do with a folder that holds the run already. */
export function occupied(folder: string, { finished, epochs }: RunRecord): UserError {
  return new UserError(
    finished
      ? `${folder} holds a finished run of this benchmark; choose another --work_dir, or empty this one`
      : `${folder} holds an unfinished run of this benchmark, ${epochs.length - 1} units done; ` +
          'go on with --resume_from auto, choose another --work_dir, or empty this one',
  );
}

async function wholeUnits(
  { folder, units, warn }: StartRequest,
  { epochs }: RunRecord,
): Promise<EpochEntry[]> {
  const whole = epochs.slice(0, 1);
  for (const entry of epochs.slice(1)) {
    const unit = units[entry.epoch - 1];
    if (unit === undefined) break;
    try {
      await readUnit(folder, unit, entry.stateHash);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      warn(`${error.message}; it is computed again, with what comes after it`);
      break;
    }
    whole.push(entry);
  }
  return whole;
}
