import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { verdictText } from '../harness/verify/golden_verdict.ts';
import { drawn, goldenVerdict } from './drawn.ts';

const folder = mkdtempSync(join(tmpdir(), 'golden-'));
afterAll(() => rmSync(folder, { recursive: true }));

test.each(drawn)('$name is what its golden says, to the end', async (experiment) => {
  const verdict = await goldenVerdict(experiment, { workDir: join(folder, experiment.name) });
  expect(verdict.pass, verdictText(verdict)).toBe(true);
  expect(verdict.kind).not.toBe('none');
});
