import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { killAgainAndAgain, runTrain, traces, writeExperiment } from './train.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'train-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = writeExperiment(folder);
const whole = join(folder, 'whole');
const killed = join(folder, 'killed');

test('a run killed at any moment and resumed leaves what an undisturbed one leaves', async () => {
  const { status, stderr } = runTrain(file, '--work_dir', whole);
  expect(status, stderr).toBe(0);
  const safe = await killAgainAndAgain({ file, workDir: killed, count: 3, seed: 1 });
  expect(safe).toEqual([...safe].sort((a, b) => a - b));
  const { status: last, stderr: text } = runTrain(
    file,
    '--work_dir',
    killed,
    '--resume_from',
    'auto',
  );
  expect(last, text).toBe(0);
  expect(await traces(killed)).toEqual(await traces(whole));
}, 300_000); // five starts: over two minutes where ten other programs want the same two cores

test('weights that cannot be read are one sentence, before a folder is made', () => {
  symlinkSync('loop', join(folder, 'loop'));
  writeFileSync(join(folder, 'lfs'), 'version https://git-lfs.github.com/spec/v1\noid sha256:4d\n');
  const workDir = join(folder, 'none_yet');
  const bad = (name: string) =>
    runTrain(file, '--work_dir', workDir, '--pretrained', join(folder, name));
  for (const [name, message] of [
    ['nothing', /nothing is not there; correct the path/],
    ['', /is a folder, expected a safetensors file/],
    ['loop', /loop is a link that leads to itself/],
    ['x'.repeat(300), /has a name that is too long/],
    ['lfs', /lfs is a Git-LFS pointer, .*run `git lfs pull`/],
  ] as const) {
    const { status, stderr } = bad(name);
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  }
  expect(existsSync(workDir)).toBe(false);
  expect(runTrain(file, '--work_dir', workDir, '--prefix', 'a.').stderr).toMatch(
    /--prefix a\. says what to take of a file of weights; name it with --pretrained/,
  );
});
