import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BenchmarkDefinition } from '../harness/benchmark/definition.ts';
import { drawnBenchmark } from '../harness/benchmark/drawn.ts';
import { benchmarksByKind } from '../harness/benchmark/registry.ts';
import { runBenchmark } from '../harness/benchmark/run.ts';
import { verifyBenchmark } from '../harness/benchmark/verify.ts';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const page = read('../docs/adding_a_benchmark.md');

/** The blocks of code in the text. */
const [spec = '', protocol = '', line = '', test = ''] = [
  ...page.matchAll(/```ts\n(.*?)```/gs),
].map(([, code = '']) => code);

// In the checkout, so that its imports are found; git and other tests look past work_dirs.
const folder = fileURLToPath(new URL(`../work_dirs/tutorial-${process.pid}`, import.meta.url));
const file = `${folder}/class_mean.ts`;
beforeAll(() => {
  mkdirSync(folder, { recursive: true });
  const code = `${spec}\n${protocol}`
    .replaceAll("'../harness/", "'../../harness/")
    .replaceAll("'./settings.ts'", "'../../benchmarks/settings.ts'");
  writeFileSync(file, code);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('docs/adding_a_benchmark.md', () => {
  it('builds a protocol that runs on the drawn images, and verifies', async () => {
    const { classMean }: { classMean: BenchmarkDefinition } = await import(file);
    const benchmarks = benchmarksByKind([{ classMean }]);
    const experiment = drawnBenchmark('class_mean', benchmarks);
    const workDir = `${folder}/run`;
    const terminal = { write: () => true };
    const options = { experiment, benchmarks, data: folder, workDir, terminal };
    const { record, finished, summary } = await runBenchmark(options);
    expect(finished).toBe(true);
    const tops = record.epochs.slice(1).map(({ metrics }) => Number(metrics.top1?.value));
    expect(tops).toHaveLength(2);
    expect(summary).toEqual({ top1: Math.max(...tops) });
    expect(Math.max(...tops)).toBeGreaterThan(10); // of ten classes
    const again = await verifyBenchmark({ workDir, benchmarks, data: folder, epoch: 1 });
    expect(again).toMatchObject({ pass: true, tensors: [] });
  });

  it('refuses what its page says', async () => {
    const { classMean }: { classMean: BenchmarkDefinition } = await import(file);
    const bound = classMean.bindBenchmark({ kind: 'class_mean', ...classMean.drawn });
    if (bound.way !== 'frozen') expect.unreachable();
    const labels = Int32Array.of(0, 2);
    const train = {
      count: 2,
      labels,
      marks: undefined,
      classes: ['a', 'b', 'c'],
      describe: String,
    };
    expect(() => bound.check({ train })).toThrow('class b has no image');
  });

  it('adds a line like those of the list', () => {
    expect(line).toMatch(/^ {2}await import\('\.\/class_mean\.ts'\),\n$/);
    expect(read('index.ts')).toContain(line.replace('class_mean', 'knn'));
  });

  it('names functions and files that there are', () => {
    for (const [, from = ''] of test.matchAll(/from '\.\.\/([^']+)'/g))
      expect(read(`../${from}`)).not.toBe('');
    for (const [, name = ''] of page.matchAll(/`((?:harness|benchmarks|golden)\/[\w/.]+\.ts)`/g))
      if (!name.includes('class_mean')) expect(read(`../${name}`), name).not.toBe('');
  });
});
