import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { benchmarks } from '../benchmarks/index.ts';
import { drawnBenchmark } from '../harness/benchmark/drawn.ts';
import { runBenchmark } from '../harness/benchmark/run.ts';
import { verdictOn, verdictText } from '../harness/verify/golden_verdict.ts';

const goldens = fileURLToPath(new URL('.', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'golden-benchmarks-'));
afterAll(() => rmSync(folder, { recursive: true }));

test.each(Object.keys(benchmarks))(
  '%s on drawn images ends as its golden says',
  async (kind) => {
    const { record, summary } = await runBenchmark({
      experiment: drawnBenchmark(kind, benchmarks),
      benchmarks,
      data: folder,
      workDir: join(folder, kind),
      terminal: { write: () => true },
    });
    const verdict = verdictOn(record, goldens);
    process.stderr.write(`${record.experiment.name}: ${verdict.kind}: ${verdict.summary}\n`);
    expect(verdict.pass, verdictText(verdict)).toBe(true);
    expect(verdict.kind).not.toBe('none');
    expect(record.finished).toBe(true);
    expect(Object.keys(summary ?? {}).length).toBeGreaterThan(0);
  },
  900_000, // the detector trains for two minutes on two quiet cores
);
