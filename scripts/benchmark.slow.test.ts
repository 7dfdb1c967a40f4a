import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readRecord } from '../harness/record/record.ts';
import { troubleLibrary } from './trouble.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'benchmark-command-'));
afterAll(() => rmSync(folder, { recursive: true }));
const script = new URL('./benchmark.mjs', import.meta.url).pathname;
const small = ['--set', 'benchmark.data.train.count=40', '--set', 'benchmark.data.test.count=20'];
const library = troubleLibrary(folder);

function run(name: string, line: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const all = [script, 'knn', 'random', ...small, '--work_dir', join(folder, name), ...line];
  const options = { encoding: 'utf8', env: { ...process.env, UV_USE_IO_URING: '0', ...env } };
  return spawnSync(process.execPath, all, options as { encoding: 'utf8' });
}

test.skipIf(library === undefined)(
  'a disk that is full in the middle of the features is what the user reads; the run goes on',
  () => {
    const full = { LD_PRELOAD: library, TROUBLE: 'write=28', TROUBLE_PATH: 'features' };
    const { status, stderr } = run('full', [], full);
    expect(status, stderr).toBe(1);
    expect(stderr).toMatch(/benchmark: cannot write .*features.*: the disk is full/);
    const npy = readdirSync(join(folder, 'full/features')).filter((name) => /\.npy$/.test(name));
    expect(npy).toEqual([]);
    const resumed = run('full', ['--resume_from', 'auto', '--json']);
    expect(resumed.status, resumed.stderr).toBe(0);
    expect(JSON.parse(resumed.stdout)).toMatchObject({ benchmark: 'knn-drawn', finished: true });
    expect(readRecord(join(folder, 'full')).finished).toBe(true);
  },
);

test('Ctrl-C in the middle ends it with 130, and what is there stays', async () => {
  const workDir = join(folder, 'stopped');
  const many = ['--set', 'benchmark.data.train.count=60000', '--work_dir', workDir];
  const child = spawn(process.execPath, [script, 'knn', 'random', ...many]);
  let said = '';
  child.stderr.on('data', (data) => {
    said += data;
    if (String(data).includes('of 60000 images')) child.kill('SIGINT');
  });
  const code = await new Promise((done) => child.once('close', done));
  expect(code, said).toBe(130);
  expect(said).toContain('stopping; what is finished stays');
  expect(readRecord(workDir)).toMatchObject({ finished: false, epochs: [{ epoch: 0 }] });
  expect(existsSync(join(workDir, 'units'))).toBe(false);
});
