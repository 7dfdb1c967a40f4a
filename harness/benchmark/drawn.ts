import { override } from '../experiment/index.ts';
import { type BenchmarkExperiment, parseBenchmark } from './experiment.ts';
import { type Benchmarks, benchmarkNamed } from './registry.ts';

/** A backbone for the drawn images, where no weights say another: seconds on two cores. */
export const SMALL = { depth: 18, width: 1 / 4, stem: 'cifar' } as const;

/** What a protocol is pinned and tried by: random weights on the images that it has without any file, `KIND-drawn`. */
export function drawnBenchmark(
  kind: string,
  benchmarks: Benchmarks,
  settings: readonly string[] = [],
): BenchmarkExperiment {
  const { drawn, drawnBackbone = SMALL } = benchmarkNamed(kind, benchmarks);
  const value = {
    name: `${kind}-drawn`,
    benchmark: { kind, ...drawn },
    weights: { kind: 'random' },
    backbone: drawnBackbone,
  };
  return parseBenchmark(override(value, settings), benchmarks);
}
