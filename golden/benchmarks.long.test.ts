import { test } from 'vitest';
import { benchmarks } from '../benchmarks/index.ts';
import { inTemporaryFolder } from '../harness/base/index.ts';
import { drawnBenchmark } from '../harness/benchmark/drawn.ts';
import { holdToGolden } from './drawn_benchmark.ts';

test('detection on drawn images ends as its golden says', () =>
  inTemporaryFolder('golden-benchmarks', (folder) =>
    holdToGolden(drawnBenchmark('detection', benchmarks), folder),
  ));
