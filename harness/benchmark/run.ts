import { join, resolve } from 'node:path';
import { always, hearNotices, type Lock, writeAtomic } from '../base/index.ts';
import { metricsOf } from '../record/entries.ts';
import { openWorkDir } from '../run/work_dir.ts';
import type { BoundFrozen } from './definition.ts';
import { definitionOf } from './experiment.ts';
import { runFrozen } from './frozen.ts';
import { checkWeights } from './given_weights.ts';
import type { BenchmarkOptions, BenchmarkResult } from './options.ts';
import { findBenchmarkStart, occupied, sameRecord } from './start.ts';
import { runTrained } from './trained.ts';

/** Where the weights of a work directory lay, for `verify`; no part of the record. */
export const WEIGHTS_NOTE = 'weights.json';

/**
 * Runs a benchmark in a work directory: `record.json`, features, what was fitted, logs.
 * @throws UserError for what the user can mend, before the first unit wherever that is possible.
 */
export async function runBenchmark(options: BenchmarkOptions): Promise<BenchmarkResult> {
  const { experiment, benchmarks } = options;
  const bound = definitionOf(experiment.benchmark.kind, benchmarks).bindBenchmark(
    experiment.benchmark,
  );
  const workDir = resolve(options.workDir);
  if (bound.way === 'frozen') return inWorkDir({ ...options, workDir }, bound);
  checkWeights(experiment, options.weights);
  const record = sameRecord({ ...options, folder: workDir });
  if (record?.finished && options.resumeFrom === undefined) throw occupied(workDir, record);
  await noteWeights({ ...options, workDir });
  return runTrained({ ...options, workDir }, bound);
}

async function noteWeights({ weights, workDir }: BenchmarkOptions): Promise<void> {
  if (weights === undefined) return;
  const note = { path: resolve(weights.file), prefix: weights.prefix };
  await writeAtomic(join(workDir, WEIGHTS_NOTE), `${JSON.stringify(note, null, 2)}\n`);
}

async function inWorkDir(options: BenchmarkOptions, bound: BoundFrozen): Promise<BenchmarkResult> {
  const { workDir, terminal = process.stderr } = options;
  const warn = (message: string) => void terminal.write(`warning: ${message}\n`);
  const unhear = hearNotices(warn);
  let lock: Lock | undefined;
  return always(
    async () => {
      lock = await openWorkDir(workDir);
      const units = bound.units();
      const start = await findBenchmarkStart({ ...options, folder: workDir, units, warn });
      const record = start?.record;
      if (record?.finished && start?.entries.length === record.epochs.length)
        return { record, workDir, finished: true, summary: metricsOf(record.final ?? {}) };
      await noteWeights(options);
      return await runFrozen(options, bound, lock, start);
    },
    () => lock?.release(),
    unhear,
  );
}
