import { test } from 'vitest';
import { benchmarks } from '../benchmarks/index.ts';
import { inTemporaryFolder } from '../harness/base/index.ts';
import { drawnBenchmark } from '../harness/benchmark/drawn.ts';
import { holdToGolden } from './drawn_benchmark.ts';

/** Of minutes: benchmarks.long.test.ts. A smaller one of that protocol with its golden is in detector.test.ts. */
const LONG = 'detection';
const kinds = Object.keys(benchmarks).filter((kind) => kind !== LONG);

test.each(kinds)('%s on drawn images ends as its golden says', (kind) =>
  inTemporaryFolder('golden-benchmarks', (folder) =>
    holdToGolden(drawnBenchmark(kind, benchmarks), folder),
  ),
);
