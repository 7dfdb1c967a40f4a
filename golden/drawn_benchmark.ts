import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { benchmarks } from '../benchmarks/index.ts';
import { inTemporaryFolder } from '../harness/base/index.ts';
import { drawnBenchmark } from '../harness/benchmark/drawn.ts';
import type { BenchmarkExperiment } from '../harness/benchmark/experiment.ts';
import { runBenchmark } from '../harness/benchmark/run.ts';
import { verdictOn, verdictText } from '../harness/verify/golden_verdict.ts';

const goldens = fileURLToPath(new URL('.', import.meta.url));

/** Kinds that take seconds, and those that take minutes; all others are between. */
export const QUICK: readonly string[] = ['knn', 'svm', 'lowshot', 'linear'];
export const LONG: readonly string[] = ['detection'];

/** Runs a kind of benchmark as it ships on drawn images and holds it to its golden. */
export function holdKind(kind: string): Promise<void> {
  return inTemporaryFolder('golden-benchmarks', (folder) =>
    holdToGolden(drawnBenchmark(kind, benchmarks), folder),
  );
}

/** Runs a benchmark of random weights on drawn images and holds it to its golden. @param workDir a new one */
export async function holdToGolden(experiment: BenchmarkExperiment, workDir: string) {
  const { record, summary } = await runBenchmark({
    experiment,
    benchmarks,
    data: workDir,
    workDir,
    terminal: { write: () => true },
  });
  const verdict = verdictOn(record, goldens);
  process.stderr.write(`${record.experiment.name}: ${verdict.kind}: ${verdict.summary}\n`);
  expect(verdict.pass, verdictText(verdict)).toBe(true);
  expect(verdict.kind).not.toBe('none');
  expect(record.finished).toBe(true);
  expect(Object.keys(summary ?? {}).length).toBeGreaterThan(0);
}
