import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { benchmarks } from '../benchmarks/index.ts';
import type { BenchmarkExperiment } from '../harness/benchmark/experiment.ts';
import { runBenchmark } from '../harness/benchmark/run.ts';
import { verdictOn, verdictText } from '../harness/verify/golden_verdict.ts';

const goldens = fileURLToPath(new URL('.', import.meta.url));

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
