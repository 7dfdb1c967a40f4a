import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, test } from 'vitest';
import { verdictText } from '../harness/verify/golden_verdict.ts';
import { methods } from '../methods/index.ts';
import { drawn, goldenVerdict } from './drawn.ts';

const folder = mkdtempSync(join(tmpdir(), 'golden-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('every method has an experiment on drawn images', () => {
  const kinds = drawn.map(({ method }) => method.kind);
  expect([...new Set(kinds)].sort()).toEqual(Object.keys(methods).sort());
});

// One epoch, as all take a minute each: the longer suite, and `scripts/reproduce.mjs NAME`, check the rest.
test.each(drawn)('$name begins as its golden says', async (experiment) => {
  const workDir = join(folder, experiment.name);
  const verdict = await goldenVerdict(experiment, { workDir, stopAfterEpoch: 1 });
  expect(verdict.pass, verdictText(verdict)).toBe(true);
  expect(verdict.kind).not.toBe('none');
  // Loss and k-NN of an epoch, k-NN of random weights.
  expect(verdict.rows.length).toBeGreaterThanOrEqual(3);
});

// The quickest of them: any would do.
it('a weight moved by one unit in the last place is noticed where bits are pinned', async () => {
  const experiment = drawn.find(({ name }) => name === 'relative-loc') ?? expect.unreachable();
  const options = { workDir: join(folder, 'moved'), stopAfterEpoch: 2, perturbation: 1 };
  const verdict = await goldenVerdict(experiment, options);
  expect(verdict.pass, verdictText(verdict)).toBe(verdict.kind === 'band');
});
