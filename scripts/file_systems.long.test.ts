import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runTrain, traces, writeExperiment } from './train.fixture.ts';
import { long, startLine, stepsIn, troubleLibrary, until } from './trouble.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'file-systems-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = writeExperiment(folder, long);
const library = troubleLibrary(folder);
const whole = join(folder, 'whole');
let expected: Awaited<ReturnType<typeof traces>>;
beforeAll(async () => {
  const { status, stderr } = runTrain(file, '--work_dir', whole);
  expect(status, stderr).toBe(0);
  expected = await traces(whole);
}, 60_000);

describe.runIf(library)('a file system that lacks a call', () => {
  const EPERM = 1;
  const [EINVAL, ENOSYS, EOPNOTSUPP, EEXIST] = [22, 38, 95, 17];
  const links = (code: string) => new RegExp(`latest.safetensors cannot be made \\(${code}`, 'g');
  const syncs = (code: string) =>
    new RegExp(`cannot say when files have reached the disk \\(fsync: ${code}\\)`, 'g');
  // Several at a time, as an SMB share or a FUSE drive has it: each run costs seconds.
  test.each([
    [
      'links, fsync and locks',
      { symlink: EPERM, fsync: EINVAL, flock: ENOSYS },
      [links('EPERM'), syncs('EINVAL'), /its file system has no locks \(flock: error 38\)/g],
    ],
    [
      'links, fsync and a rename over files',
      { symlink: EOPNOTSUPP, fsync: ENOSYS, rename: EEXIST },
      [links('ENOTSUP'), syncs('ENOSYS'), /cannot replace a file in one move/g],
    ],
  ])(
    'such as %s (%o) takes the run to its end, with one warning each',
    async (_, calls, words) => {
      const workDir = join(folder, Object.entries(calls).flat().join('_'));
      const trouble = Object.entries(calls).map(([call, errno]) => `${call}=${errno}`);
      const run = startLine(`exec TRAIN ${file} --work_dir ${workDir}`, {
        LD_PRELOAD: library,
        TROUBLE: trouble.join(' '),
        TROUBLE_PATH: workDir,
      });
      expect(await run.ended).toBe(0);
      for (const one of words) expect(run.output().match(one), one.source).toHaveLength(1);
      expect(await traces(workDir)).toEqual(expected);
      expect(readdirSync(workDir).filter((name) => /tmp|owner/.test(name))).toEqual([]);
    },
    60_000,
  );

  test('a lock without the kernel holds, is taken over from the dead, and not from elsewhere', async () => {
    const workDir = join(folder, 'owned');
    const env = { LD_PRELOAD: library, TROUBLE: 'flock=38', TROUBLE_PATH: workDir };
    const slow = writeExperiment(folder, { ...long, epochs: 200 });
    const words = `${slow} --work_dir ${workDir} --resume_from auto`;
    const first = startLine(`exec TRAIN ${words}`, env);
    await stepsIn(workDir, 4);
    const second = startLine(`exec TRAIN ${words}`, env);
    expect(await second.ended).toBe(1);
    expect(second.output()).toMatch(`is in use by process ${first.child.pid}, which is still`);
    first.child.kill('SIGKILL');
    await first.ended;
    const owner = join(workDir, '.lock.owner');
    const left = JSON.parse(readFileSync(owner, 'utf8'));
    expect(left.pid).toBe(first.child.pid);
    writeFileSync(owner, JSON.stringify({ ...left, host: 'elsewhere' }));
    const third = startLine(`exec TRAIN ${words}`, env);
    expect(await third.ended).toBe(1);
    expect(third.output()).toMatch(/of host elsewhere, .*remove .*\.lock\.owner if it has ended/);
    writeFileSync(owner, JSON.stringify(left));
    const fourth = startLine(`exec TRAIN ${words}`, env);
    await until(() => /resumed from|begins anew/.test(fourth.output()));
    fourth.child.kill('SIGTERM');
    expect(await fourth.ended, fourth.output()).toBe(143);
    expect(readdirSync(workDir)).not.toContain('.lock.owner');
  }, 120_000);
});
