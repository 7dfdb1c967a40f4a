import { join } from 'node:path';
import { expect } from 'vitest';
import { inTemporaryFolder } from '../harness/base/index.ts';
import { latestCheckpoint } from '../harness/weights/checkpoint.ts';
import { runTrain, traces, writeExperiment } from './train.fixture.ts';
import { long, processesIn, rowsOf, startLine, stepsIn } from './trouble.fixture.ts';

/** What a run is started by, the signal that this gets, and the code that it ends with where one is asked for. */
export interface End {
  readonly line: string;
  readonly signal: NodeJS.Signals;
  readonly code?: number;
}

/** Ends a run again and again, each time with all it did saved; what it leaves at last is what an undisturbed one leaves. */
export function endAgainAndAgain(...ends: readonly End[]): Promise<void> {
  return inTemporaryFolder('signals', (folder) => endedIn(folder, ends));
}

async function endedIn(folder: string, ends: readonly End[]): Promise<void> {
  const file = writeExperiment(folder, { ...long, epochs: 16 });
  const words = (workDir: string) => `${file} --work_dir ${workDir} --resume_from auto`;
  const whole = join(folder, 'whole');
  const workDir = join(folder, 'stopped');
  for (const { line, signal, code: asked } of ends) {
    const before = rowsOf(workDir).length;
    const run = startLine(`${line} ${words(workDir)}`);
    await stepsIn(workDir, before + 4);
    run.child.kill(signal);
    const code = await run.ended;
    if (asked !== undefined) expect(code, run.output()).toBe(asked);
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
}
