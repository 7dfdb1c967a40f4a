import { test } from 'vitest';
import { benchmarks } from '../benchmarks/index.ts';
import { inTemporaryFolder } from '../harness/base/index.ts';
import { drawnBenchmark } from '../harness/benchmark/drawn.ts';
import { holdToGolden } from './drawn_benchmark.ts';

// Those that train longer: benchmarks.slow.test.ts and benchmarks.long.test.ts.
test.each(['knn', 'svm', 'lowshot', 'linear'])(
  '%s on drawn images ends as its golden says',
  (kind) =>
    inTemporaryFolder('golden-benchmarks', (folder) =>
      holdToGolden(drawnBenchmark(kind, benchmarks), folder),
    ),
);
