import { benchmarks } from '../../benchmarks/index.ts';
import { fileKindAt, readJson, UserError } from '../../harness/base/index.ts';
import { drawnBenchmark } from '../../harness/benchmark/drawn.ts';
import {
  type BenchmarkExperiment,
  isBenchmark,
  parseBenchmark,
} from '../../harness/benchmark/experiment.ts';
import { benchmarkRuns } from '../../harness/benchmark/pinnable.ts';
import { methodsOf } from '../../harness/benchmark/registry.ts';
import { type Experiment, type Methods, override } from '../../harness/experiment/index.ts';
import { readRecord } from '../../harness/record/record.ts';
import { type Pinnable, trainingRuns } from '../../harness/verify/pinnable.ts';
import { methods } from '../../methods/index.ts';
import { experimentFrom } from './experiment.ts';

/** Every method that a run may be of: those of `methods/`, and those that benchmarks train by. */
export const allMethods: Methods = { ...methods, ...methodsOf(benchmarks) };

/** What commands run that take both: a training, or a benchmark. */
export type Subject =
  | { readonly way: 'training'; readonly experiment: Experiment }
  | { readonly way: 'benchmark'; readonly experiment: BenchmarkExperiment };

/**
 * The training or benchmark that a command line means: an experiment by name, `KIND-drawn` for a benchmark of random
 * weights on drawn images, or a `.json` file that holds either.
 * @throws UserError
 */
export async function subjectFrom(
  name: string,
  options: { readonly epochs?: number | undefined; readonly set?: readonly string[] },
): Promise<Subject> {
  const { set = [] } = options;
  const kind = /^([a-z][a-z0-9_]*)-drawn$/.exec(name)?.[1];
  if (kind !== undefined && Object.hasOwn(benchmarks, kind))
    return { way: 'benchmark', experiment: drawnBenchmark(kind, benchmarks, set) };
  if (fileKindAt(name)?.kind === 'json') {
    const value = readJson(name, 'an experiment');
    if (typeof value === 'object' && value !== null && isBenchmark(value))
      return { way: 'benchmark', experiment: parseBenchmark(override(value, set), benchmarks) };
  }
  return { way: 'training', experiment: (await experimentFrom(name, options)).experiment };
}

/** @throws UserError for benchmarks: they have no steps */
export function refuseRerun(workDirs: readonly string[]): void {
  for (const workDir of workDirs)
    if (isBenchmark(readRecord(workDir).experiment))
      throw new UserError(
        `--rerun goes step by step, and ${workDir} is of a benchmark; scripts/verify.mjs ${workDir} --epoch N ` +
          'computes a unit of it again, and the runs inside one that trains can be compared',
      );
}

/** A subject as `bless` takes it. @param data folder of data */
export function pinnableOf(subject: Subject, data: string): Pinnable {
  return subject.way === 'benchmark'
    ? benchmarkRuns(subject.experiment, benchmarks, data)
    : trainingRuns(subject.experiment, methods, data);
}
