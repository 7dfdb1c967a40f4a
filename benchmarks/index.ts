import { type Benchmarks, benchmarksByKind } from '../harness/benchmark/registry.ts';

/** Every protocol, by the name that `scripts/benchmark.mjs` takes. A new one is a line here. */
export const benchmarks: Benchmarks = benchmarksByKind([
  await import('./knn.ts'),
  await import('./linear.ts'),
  await import('./linear_last.ts'),
  await import('./places205.ts'),
  await import('./semi.ts'),
  await import('./svm.ts'),
  await import('./lowshot.ts'),
  await import('./detection/benchmark.ts'),
]);
