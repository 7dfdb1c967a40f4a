import { benchmarks } from '../benchmarks/index.ts';
import { drawnBenchmark } from '../harness/benchmark/drawn.ts';
import type { BenchmarkExperiment } from '../harness/benchmark/experiment.ts';
import { methodsOf } from '../harness/benchmark/registry.ts';
import { firstTrained } from '../harness/benchmark/trained.ts';
import type { Experiment } from '../harness/experiment/index.ts';
import type { RunRecord } from '../harness/record/record.ts';

export const methods = methodsOf(benchmarks);

/** The drawn detector, narrower, of two replicas and four steps. */
const settings = [
  'backbone.width=0.0625',
  'benchmark.replicas=2',
  'benchmark.batch=2',
  'benchmark.iterations=4',
  'benchmark.period=2',
  'benchmark.warmup.iterations=2',
  'benchmark.steps=[3]',
  'benchmark.data.test.count=4',
  'benchmark.preciseNorms.batches=2',
  'benchmark.judge.everyPeriods=1',
  'benchmark.detector.roi.count=8',
];

export function detector(...more: string[]): Experiment {
  return firstTrained(drawnBenchmark('detection', benchmarks, [...settings, ...more]), benchmarks);
}

/** One replica of it, with a golden of its own; `scripts/bless.mjs` is given the same settings. */
export const single: BenchmarkExperiment = drawnBenchmark('detection', benchmarks, [
  ...settings,
  'benchmark.replicas=1',
  'name=detection-small',
]);

/** What every run of it is told. */
export const common = { methods, data: '.', terminal: { write: () => true } };

export const chainOf = ({ epochs }: RunRecord) => epochs.at(-1)?.chain;
