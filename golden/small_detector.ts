import { benchmarks } from '../benchmarks/index.ts';
import { drawnBenchmark } from '../harness/benchmark/drawn.ts';
import { definitionOf } from '../harness/benchmark/experiment.ts';
import { methodsOf } from '../harness/benchmark/registry.ts';
import { trainedExperiments } from '../harness/benchmark/trained.ts';
import type { Experiment } from '../harness/experiment/index.ts';

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
  const bound = definitionOf('detection', benchmarks).bindBenchmark(asked.benchmark);
  if (bound.way !== 'trained') throw new Error('detection trains nothing');
  const experiment = trainedExperiments(asked, bound).get('detector');
  if (experiment === undefined) throw new Error('detection: there is no detector');
  return experiment;
}
