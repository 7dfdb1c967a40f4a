import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runTrain, traces, writeExperiment } from './train.fixture.ts';
import { long, rowsOf, startLine, stepsIn, troubleLibrary } from './trouble.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'trouble-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = writeExperiment(folder, long);
const library = troubleLibrary(folder);
const whole = join(folder, 'whole');
let expected: Awaited<ReturnType<typeof traces>>;
beforeAll(async () => {
  const { status, stderr } = runTrain(file, '--work_dir', whole);
  expect(status, stderr).toBe(0);
  expected = await traces(whole);
}, 300_000);

/** Steps of the events, of each tag in order. */
function eventSteps(workDir: string): string[] {
  const events = join(workDir, 'tf_logs');
  return readdirSync(events).flatMap((name) => {
    const bytes = readFileSync(join(events, name));
    const found: string[] = [];
    for (let at = 0; at < bytes.length; ) {
      const size = Number(bytes.readBigUInt64LE(at));
      const event = bytes.subarray(at + 12, at + 12 + size);
      if (event.includes('loss/train')) found.push(event.subarray(9, 12).toString('hex'));
      at += size + 16;
    }
    return found;
  });
}

describe('a reader that goes away', () => {
  test.each([
    ['2>&1 | head -2', 'set -o pipefail; TRAIN'],
    ['> /dev/full 2> /dev/full', 'TRAIN'],
  ])(
    '%s leaves the run as it is',
    async (after, line) => {
      const workDir = join(folder, `reader ${after.length}`);
      const run = startLine(`${line} ${file} --work_dir '${workDir}' ${after}`);
      expect(await run.ended).toBe(0);
      expect(await traces(workDir)).toEqual(expected);
    },
    300_000,
  );

  test('tee that dies of the same Ctrl-C leaves a checkpoint', async () => {
    const workDir = join(folder, 'tee');
    const run = startLine(`TRAIN ${file} --work_dir ${workDir} 2>&1 | tee ${folder}/log`);
    await stepsIn(workDir, 4);
    if (run.child.pid !== undefined) process.kill(-run.child.pid, 'SIGINT');
    await run.ended;
    const resumed = runTrain(file, '--work_dir', workDir, '--resume_from', 'auto');
    expect(resumed.stderr).toMatch(/resumed from .*step_\d+/);
    expect(await traces(workDir)).toEqual(expected);
  }, 300_000);
});

describe('trouble in the middle', () => {
  test.each([
    ['removed', /was removed or moved away while the run wrote into it/],
    ['replaced', /was replaced by another folder while the run wrote into it/],
  ])(
    'a work directory that is %s is what the user reads',
    async (what, words) => {
      const workDir = join(folder, what);
      const aside = join(folder, `${what} aside`);
      const run = startLine(`exec TRAIN ${file} --work_dir ${workDir}`);
      await stepsIn(workDir, 70);
      renameSync(workDir, aside);
      if (what === 'replaced') mkdirSync(workDir);
      expect(await run.ended).toBe(1);
      expect(run.output()).toMatch(words);
      expect(run.output()).not.toMatch(/\n {4}at |dispose/);
      if (what === 'replaced') expect(readdirSync(workDir)).toEqual([]);
      rmSync(workDir, { recursive: true, force: true });
      renameSync(aside, workDir);
      expect(runTrain(file, '--work_dir', workDir, '--resume_from', 'auto').status).toBe(0);
      expect(await traces(workDir)).toEqual(expected);
      expect(eventSteps(workDir)).toEqual(eventSteps(whole));
    },
    120_000,
  );

  test.runIf(library)(
    'a disk that fills between two checkpoints leaves no line twice',
    async () => {
      const workDir = join(folder, 'full');
      const when = join(folder, 'full now');
      const env = { LD_PRELOAD: library, TROUBLE: 'write=28', TROUBLE_PATH: 'steps.csv' };
      const run = startLine(`exec TRAIN ${file} --work_dir ${workDir}`, {
        ...env,
        TROUBLE_WHEN: when,
      });
      await stepsIn(workDir, 70);
      writeFileSync(when, '');
      expect(await run.ended).toBe(1);
      expect(run.output()).toMatch(/cannot write .*steps.csv: the disk is full; free some space/);
      expect(run.output()).not.toMatch(/\n {4}at |dispose/);
      const rows = rowsOf(workDir).map((line) => line.split(',')[0]);
      expect(new Set(rows).size).toBe(rows.length);
      expect(runTrain(file, '--work_dir', workDir, '--resume_from', 'auto').status).toBe(0);
      expect(await traces(workDir)).toEqual(expected);
      expect(eventSteps(workDir)).toEqual(eventSteps(whole));
    },
    120_000,
  );
});
