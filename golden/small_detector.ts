import { benchmarks } from '../benchmarks/index.ts';
import { drawnBenchmark } from '../harness/benchmark/drawn.ts';
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
  const asked = drawnBenchmark('detection', benchmarks, [...settings, ...more]);
  return firstTrained(asked, benchmarks);
}

/** What every run of it is told. */
export const common = { methods, data: '.', terminal: { write: () => true } };

export const chainOf = ({ epochs }: RunRecord) => epochs.at(-1)?.chain;
