import { parseBenchmark } from '../../harness/benchmark/experiment.ts';
import { override } from '../../harness/experiment/index.ts';
import { detection } from './benchmark.ts';
import { recipes } from './recipes.ts';

export const benchmarks = { detection };

/** A full recipe on a network and pictures so small that a step takes a second. */
export function narrowed(name: keyof typeof recipes, ...more: string[]) {
  const value = {
    name: `detection-${name}`,
    benchmark: { kind: 'detection', ...recipes[name].spec },
    weights: { kind: 'random' },
    backbone: { depth: 50, width: 1 / 16 },
  };
  const small = [
    'benchmark.data.longest=64',
    'benchmark.data.shortEdges=[48]',
    'benchmark.detector.roi.count=8',
    'benchmark.detector.rpn.count=16',
  ];
  return parseBenchmark(override(value, [...small, ...more]), benchmarks);
}
