import type { Pinnable } from '../verify/pinnable.ts';
import { type BenchmarkExperiment, definitionOf } from './experiment.ts';
import type { Benchmarks } from './registry.ts';
import { runBenchmark } from './run.ts';
import { trainedExperiments } from './trained.ts';
import { verifyBenchmark } from './verify.ts';

/** A benchmark of random weights, to be pinned as a golden. @param data folder of data */
export function benchmarkRuns(
  experiment: BenchmarkExperiment,
  benchmarks: Benchmarks,
  data: string,
): Pinnable {
  const { benchmark } = experiment;
  const bound = definitionOf(benchmark.kind, benchmarks).bindBenchmark(benchmark);
  const units =
    bound.way === 'frozen' ? bound.units().length : trainedExperiments(experiment, bound).size;
  return {
    experiment,
    epochs: units,
    run: async ({ stopAfterEpoch: stopAfterUnit, ...request }) => {
      const options = { ...request, stopAfterUnit, experiment, benchmarks, data };
      return (await runBenchmark({ ...options, resumeFrom: 'auto' })).record;
    },
    verifyFirst: (workDir, signal) =>
      verifyBenchmark({ workDir, benchmarks, data, epoch: 1, signal }),
  };
}
