import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { latestCheckpoint } from '../harness/weights/checkpoint.ts';
import { runTrain, traces, writeExperiment } from './train.fixture.ts';
import { long, processesIn, rowsOf, startLine, stepsIn } from './trouble.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'signals-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = writeExperiment(folder, { ...long, epochs: 16 });
const words = (workDir: string) => `${file} --work_dir ${workDir} --resume_from auto`;

// Killed at once, with npx as what is killed: that passes on no signal it dies of.
test('a run told to end, or whose npx is gone, saves, and goes on to the same bits', async () => {
  const whole = join(folder, 'whole');
  const workDir = join(folder, 'stopped');
  const ends = [
    { line: 'exec TRAIN', signal: 'SIGTERM', code: 143 },
    { line: 'exec npx zx scripts/train.mjs', signal: 'SIGTERM' },
    { line: 'exec TRAIN', signal: 'SIGHUP', code: 129 },
    { line: 'exec npx zx scripts/train.mjs', signal: 'SIGKILL' },
  ] as const;
  for (const { line, signal, ...rest } of ends) {
    const before = rowsOf(workDir).length;
    const run = startLine(`${line} ${words(workDir)}`);
    await stepsIn(workDir, before + 4);
    run.child.kill(signal);
    const code = await run.ended;
    if ('code' in rest) expect(code, run.output()).toBe(rest.code);
    await run.closed;
    expect(processesIn(workDir)).toEqual([]);
    expect(run.output()).toMatch(/stopped; go on with --resume_from auto/);
    if (before > 0) expect(run.output()).toMatch(/resumed from /);
    // All that it did was saved.
    const saved = await latestCheckpoint(workDir, expect.unreachable);
    expect(saved?.meta.step).toBe(rowsOf(workDir).length - 1);
  }
  expect(runTrain(...words(whole).split(' ')).status).toBe(0);
  expect(runTrain(...words(workDir).split(' ')).status).toBe(0);
  expect(await traces(workDir)).toEqual(await traces(whole));
}, 240_000);
