import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { killAgainAndAgain, runTrain, tiny, traces, writeExperiment } from './train.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'train-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('sixty kills leave no trace', async () => {
  // Two replicas, and enough steps that a start every one to four steps does not reach the end.
  const file = writeExperiment(folder, { ...tiny, replicas: 2, batch: 8, epochs: 20 });
  const [whole, killed] = [join(folder, 'whole'), join(folder, 'killed')];
  const { status, stderr } = runTrain(file, '--work_dir', whole);
  expect(status, stderr).toBe(0);
  const safe = await killAgainAndAgain({ file, workDir: killed, count: 60, seed: 2 });
  process.stderr.write(`resumed at steps ${safe.join(' ')}\n`);
  // One kill in four comes while the process starts, before it resumes.
  expect(safe.length).toBeGreaterThan(40);
  expect(safe).toEqual([...safe].sort((a, b) => a - b));
  expect(runTrain(file, '--work_dir', killed, '--resume_from', 'auto').status).toBe(0);
  expect(await traces(killed)).toEqual(await traces(whole));
});
