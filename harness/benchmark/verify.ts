import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { always, inTemporaryFolder, readJson, UserError } from '../base/index.ts';
import type { EpochEntry } from '../record/entries.ts';
import { computedHere } from '../record/provenance.ts';
import { type RunRecord, readRecord } from '../record/record.ts';
import { Interrupted } from '../run/interrupt.ts';
import { openWorkDir } from '../run/work_dir.ts';
import { changesBetween } from '../verify/golden.ts';
import { type TensorDifference, tensorDifferences } from '../verify/tensor_difference.ts';
import { circumstancesApart, type Verification, verifyEpoch } from '../verify/verify.ts';
import type { BoundFrozen } from './definition.ts';
import { type BenchmarkExperiment, definitionOf, parseBenchmark } from './experiment.ts';
import { runFrozen } from './frozen.ts';
import { type Benchmarks, methodsOf } from './registry.ts';
import { WEIGHTS_NOTE } from './run.ts';
import { trainedExperiments } from './trained.ts';
import { readUnit, unitFile } from './unit_file.ts';
import { type OpenedWeights, openTarget } from './weights.ts';

export interface VerifyBenchmarkOptions {
  readonly workDir: string;
  readonly benchmarks: Benchmarks;
  /** Data folder. */
  readonly data: string;
  /** From 1: a unit, or a cell of those that are finished; by default the last. */
  readonly epoch?: number | undefined;
  /** The file of weights, where it is not where it was. */
  readonly pretrained?: string | undefined;
  readonly workers?: number | undefined;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly tell?: (message: string) => void;
}

const Note = z.strictObject({ path: z.string(), prefix: z.string() });

/**
 * Computes one unit of a benchmark again, features and all, in a temporary folder, and compares metrics, state hash and
 * every tensor with what the record says; of a protocol that trains, the last epoch of one of its runs.
 * @throws UserError when the record does not fit itself, or what the unit is computed from is gone.
 * @throws Interrupted when it is told to stop
 */
export async function verifyBenchmark(options: VerifyBenchmarkOptions): Promise<Verification> {
  const { workDir, benchmarks } = options;
  const record = readRecord(workDir);
  const experiment = parseBenchmark(record.experiment, benchmarks);
  const definition = definitionOf(experiment.benchmark.kind, benchmarks);
  const bound = definition.bindBenchmark(experiment.benchmark);
  const entry = entryAt(record, options);
  if (bound.way === 'frozen') return verifyUnit(options, { record, experiment, entry }, bound);
  const cells = record.environment.cells?.split(' ') ?? [
    ...trainedExperiments(experiment, bound).keys(),
  ];
  const cell = cells[entry.epoch - 1];
  if (cell === undefined) throw new UserError(`${workDir}: its record names no such cell`);
  const { pretrained, prefix } = noteOf(options);
  const { epoch: _, ...rest } = options;
  return verifyEpoch({
    ...rest,
    workDir: join(workDir, cell),
    methods: methodsOf(benchmarks),
    pretrained,
    prefix,
  });
}

interface Recorded {
  readonly record: RunRecord;
  readonly experiment: BenchmarkExperiment;
  readonly entry: EpochEntry;
}

async function verifyUnit(
  options: VerifyBenchmarkOptions,
  { record, experiment, entry }: Recorded,
  bound: BoundFrozen,
): Promise<Verification> {
  const { workDir, signal, tell = () => {} } = options;
  const { epoch } = entry;
  const unit = bound.units()[epoch - 1];
  if (unit === undefined) throw new UserError(`${workDir}: its record has more units than it can`);
  const weights = await weightsAgain(options, experiment);
  const noise = record.environment.perturbation;
  tell(`computes unit ${epoch}, ${unit}, of ${experiment.name} again`);
  return inTemporaryFolder('verify-', async (folder) => {
    const lock = await openWorkDir(folder);
    const start = { record, entries: record.epochs.slice(0, epoch) };
    const terminal = { write: (text: string) => signal?.aborted || tell(text.trimEnd()) };
    const again = { ...options, experiment, weights, workDir: folder, terminal };
    const noisy = noise === undefined ? {} : { perturbation: Number(noise) };
    const { record: found } = await always(
      () => runFrozen({ ...again, ...noisy, stopAfterUnit: epoch }, bound, lock, start),
      () => lock.release(),
    );
    if (signal?.aborted) throw new Interrupted('stopped; nothing was verified');
    const changes = changesBetween(cut(record, epoch), cut(found, epoch));
    const tensors = await tensorsApart(workDir, folder, unit, entry, found.epochs[epoch]);
    return {
      ...{ experiment: experiment.name, epoch, changes, tensors, recorded: record, found },
      here: await computedHere(),
      pass: changes.length === 0 && (tensors ?? []).length === 0,
      apart: circumstancesApart(record, found),
    };
  });
}

function cut(record: RunRecord, epoch: number): RunRecord {
  const { final: _, ...rest } = record;
  return { ...rest, epochs: record.epochs.slice(0, epoch + 1) };
}

async function tensorsApart(
  workDir: string,
  folder: string,
  unit: string,
  recorded: EpochEntry,
  found: EpochEntry | undefined,
): Promise<TensorDifference[] | undefined> {
  if (found === undefined) throw new Error('verify: the unit was not computed');
  if (!existsSync(unitFile(workDir, unit))) return undefined;
  const own = await readUnit(workDir, unit, recorded.stateHash);
  return tensorDifferences(
    { tensors: own },
    { tensors: await readUnit(folder, unit, found.stateHash) },
  );
}

function entryAt({ epochs }: RunRecord, { epoch, workDir }: VerifyBenchmarkOptions): EpochEntry {
  const place = epoch ?? epochs.length - 1;
  const entry = epochs[place];
  if (place >= 1 && entry !== undefined) return entry;
  throw new UserError(
    epochs.length < 2
      ? `${workDir}: the benchmark has not finished a unit yet; nothing to verify`
      : `--epoch ${place}: the record of ${workDir} has units 1 to ${epochs.length - 1}`,
  );
}

async function weightsAgain(
  options: VerifyBenchmarkOptions,
  { weights }: BenchmarkExperiment,
): Promise<OpenedWeights | undefined> {
  if (weights.kind === 'random') return undefined;
  const { pretrained } = noteOf(options);
  if (pretrained === undefined)
    throw new UserError(
      `the benchmark is of weights of SHA-256 ${weights.sha256}; name them with --pretrained`,
    );
  return openTarget(pretrained, { prefix: weights.prefix });
}

/** Where the weights are: as said, or where they were. */
function noteOf({ workDir, pretrained }: VerifyBenchmarkOptions) {
  const file = join(workDir, WEIGHTS_NOTE);
  const note = existsSync(file)
    ? Note.safeParse(readJson(file, 'a note of where weights lie')).data
    : undefined;
  return { pretrained: pretrained ?? note?.path, prefix: note?.prefix };
}
