import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { compareWithGolden, verdictText } from '../harness/run/golden_check.ts';
import { parseExperiment } from '../harness/run/spec.ts';
import { train } from '../harness/run/trainer.ts';
import { methods } from '../methods/index.ts';
import { small } from '../methods/moco.recipes.ts';

const EPOCHS = 2; // of 15: the pinned beginning; `scripts/reproduce.mjs moco` checks all of it
const folder = mkdtempSync(join(tmpdir(), 'golden-'));
afterAll(() => rmSync(folder, { recursive: true }));
const goldens = fileURLToPath(new URL('.', import.meta.url));

async function begin(name: string, options: { readonly perturbation?: number } = {}) {
  const { record } = await train({
    ...{ experiment: parseExperiment(small, methods), methods, data: folder },
    ...{ workDir: join(folder, name), stopAfterEpoch: EPOCHS, terminal: { write: () => true } },
    ...options,
  });
  return compareWithGolden(record, goldens);
}

it('moco begins as its golden says', async () => {
  const verdict = await begin('run');
  process.stderr.write(`moco: ${verdict.kind}: ${verdict.summary}\n`);
  expect(verdict.pass, verdictText(verdict)).toBe(true);
  expect(verdict.kind).not.toBe('none');
  // Loss, accuracy and k-NN of two epochs, k-NN of random weights.
  expect(verdict.rows.length).toBeGreaterThanOrEqual(7);
});

it('a weight moved by one unit in the last place is noticed where bits are pinned', async () => {
  const verdict = await begin('moved', { perturbation: 1 });
  expect(verdict.pass, verdictText(verdict)).toBe(verdict.kind === 'band');
});
