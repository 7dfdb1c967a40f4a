import { test } from 'vitest';
import { benchmarks } from '../benchmarks/index.ts';
import { inTemporaryFolder } from '../harness/base/index.ts';
import { drawnBenchmark } from '../harness/benchmark/drawn.ts';
import { holdToGolden } from './drawn_benchmark.ts';

/** Of seconds: benchmarks.test.ts. Of minutes: benchmarks.long.test.ts; a smaller detector is in detector.test.ts. */
const ELSEWHERE = ['knn', 'svm', 'lowshot', 'linear', 'detection'];
const kinds = Object.keys(benchmarks).filter((kind) => !ELSEWHERE.includes(kind));

test.each(kinds)('%s on drawn images ends as its golden says', (kind) =>
  inTemporaryFolder('golden-benchmarks', (folder) =>
    holdToGolden(drawnBenchmark(kind, benchmarks), folder),
  ),
);
