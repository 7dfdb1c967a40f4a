import { knownCount } from '../data/known_sizes.ts';
import type { SourceSpec } from '../data/spec.ts';
import type { Pinnable } from '../verify/pinnable.ts';
import type { BoundBenchmark } from './definition.ts';
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
    resolution: ofOneImage(judgedSources(experiment, bound), data),
    run: async ({ stopAfterEpoch: stopAfterUnit, ...request }) => {
      const options = { ...request, stopAfterUnit, experiment, benchmarks, data };
      return (await runBenchmark({ ...options, resumeFrom: 'auto' })).record;
    },
    verifyFirst: (workDir, signal) =>
      verifyBenchmark({ workDir, benchmarks, data, epoch: 1, signal }),
  };
}

/** The images that numbers are shares of. */
function judgedSources(experiment: BenchmarkExperiment, bound: BoundBenchmark): SourceSpec[] {
  if (bound.way === 'frozen') return Object.values(bound.sets()).map(({ source }) => source);
  const all = [...trainedExperiments(experiment, bound).values()];
  return all.flatMap(({ evaluation }) => evaluation?.test ?? []);
}

/** Percent that one image of the smallest source is. */
function ofOneImage(sources: readonly SourceSpec[], data: string): number | undefined {
  const counts = sources.flatMap((source) => knownCount(source, data)?.count ?? []);
  return counts.length === 0 ? undefined : 100 / Math.min(...counts);
}
