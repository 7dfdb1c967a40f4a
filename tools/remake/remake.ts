import { join, resolve } from 'node:path';
import { benchmarks } from '../../benchmarks/index.ts';
import { UserError } from '../../harness/base/index.ts';
import { parseBenchmark } from '../../harness/benchmark/experiment.ts';
import { type OpenedWeights, openTarget } from '../../harness/benchmark/weights.ts';
import { Interrupted } from '../../harness/run/interrupt.ts';
import { methods } from '../../methods/index.ts';
import { describedBenchmark } from '../../reports/benchmark_rows.ts';
import { type Entry, readEntries, readWorkDirs } from '../../reports/entries.ts';
import { type Standing, standingsOf } from '../../reports/standing.ts';
import { keepRecord } from '../../reports/write_pages.ts';
import { benchmarkInterruptibly } from '../command/benchmark.ts';
import { changeOf, type RecordChange } from './change.ts';
import { checkRemakeData, type Remake, remakesOf } from './plan.ts';
import { reproduceRun } from './reproduce_run.ts';

export interface RemakeOptions {
  /** Names of trainings; every one that needs it where there are none. */
  readonly names: readonly string[];
  /** The folder of pages, with `records` in it. */
  readonly out: string;
  readonly data: string;
  /** Where runs lie, and stay: what is finished is not run again. */
  readonly workDir: string;
  readonly tell: (line: string) => void;
}

/** The records of a folder, what each is to today's code, and what has to be made again for all to be results of it. */
export async function remakePlan({ names, out }: Pick<RemakeOptions, 'names' | 'out'>): Promise<{
  readonly standings: ReadonlyMap<string, Standing>;
  readonly remakes: readonly Remake[];
}> {
  const entries = readEntries(join(out, 'records'));
  const standings = await standingsOf(entries, { methods, benchmarks });
  return { standings, remakes: remakesOf(entries, standings, names) };
}

/**
 * Makes records again that are no results of today's code: each training by its recipe, then the benchmarks on its
 * weights unless those are the weights that they judged. A record is replaced once its run is finished, so an
 * interrupted remake goes on where it was.
 * @returns what became of each record
 * @throws UserError for data that are not there, before the first run.
 * @throws Interrupted when it is told to stop
 */
export async function remake(options: RemakeOptions): Promise<RecordChange[]> {
  const { remakes } = await remakePlan(options);
  checkRemakeData(remakes, options.data);
  const changes: RecordChange[] = [];
  for (const { training, benchmarks: own } of remakes) {
    const made = training === undefined ? undefined : await again(training, options);
    if (made !== undefined) changes.push(made.change);
    for (const entry of own)
      if (made === undefined || !judged(entry, made.entry))
        changes.push(await benchmarkAgain(entry, made?.entry, options));
  }
  return changes;
}

interface Made {
  readonly entry: Entry;
  readonly change: RecordChange;
}

async function again(before: Entry, { workDir, data, out, tell }: RemakeOptions): Promise<Made> {
  const { key, record } = before;
  const { name } = record.experiment;
  const folder = join(workDir, key);
  tell(`${name}: running it in ${folder}`);
  await reproduceRun(name, folder, data);
  const after = readWorkDirs(workDir).find((entry) => entry.key === key);
  if (!after?.record.finished) throw new UserError(`${folder} has no finished run of ${name}`);
  await keepRecord(folder, out);
  return { entry: after, change: changeOf(before, after) };
}

/** Whether a benchmark is of these very weights, and so stays what it is. */
function judged(entry: Entry, { weights }: Entry): boolean {
  const { weights: own } = describedBenchmark(entry);
  if (own.kind !== 'file' || weights === undefined) return false;
  return own.sha256 === weights.sha256 || own.sha256 === weights.checkpoint;
}

async function benchmarkAgain(
  before: Entry,
  training: Entry | undefined,
  { workDir, data, out, tell }: RemakeOptions,
): Promise<RecordChange> {
  const weights = await weightsOf(training, workDir);
  const { name } = before.record.experiment;
  const group = join(workDir, 'benchmarks', training?.key ?? 'random');
  const asked = {
    experiment: parseBenchmark({ ...before.record.experiment, ...judging(weights) }, benchmarks),
    weights,
    workDir: join(group, name),
    features: join(group, 'features', name.split('-').at(-1) ?? name),
  };
  tell(`${before.key}: running it in ${asked.workDir}`);
  const line = { data, resume_from: 'auto', cells: [], workers: undefined, threads: undefined };
  const { result } = await benchmarkInterruptibly(asked, line);
  if (!result?.finished) throw new Interrupted('stopped; the same command goes on from here');
  await keepRecord(resolve(asked.workDir), out);
  return changeOf(before, { key: before.key, record: result.record });
}

async function weightsOf(
  training: Entry | undefined,
  workDir: string,
): Promise<OpenedWeights | undefined> {
  if (training?.weights === undefined) return undefined;
  return openTarget(join(workDir, training.key, training.weights.file), {});
}

/** The part of a benchmark that follows from its weights. */
function judging(weights: OpenedWeights | undefined): object {
  if (weights === undefined) return {};
  const { sha256, prefix, backbone, sobel, mean, std } = weights;
  const normal = mean === undefined ? {} : { mean, std };
  return { weights: { kind: 'file', sha256, prefix }, backbone, sobel, ...normal };
}
