import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const cli = new URL('./cli.mjs', import.meta.url).href;
const zx = new URL('../node_modules/zx/build/cli.js', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'cli-'));
const script = join(folder, 'sample.mjs');
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(
  script,
  `import { command, setOption } from '${cli}';
import { load } from '${new URL('./load.mjs', import.meta.url).href}';
await command(import.meta.url, {
  summary: 'Does a sample thing.',
  arguments: [{ name: 'FILE', help: 'what to read' }, { name: 'OUT', help: 'where', optional: true }],
  options: {
    set: setOption,
    work_dir: { kind: 'text', value: 'DIR', help: 'outputs', default: 'work_dirs' },
    epochs: { kind: 'int', min: 1, help: 'how many' },
    rate: { kind: 'number', help: 'a rate' },
    precision: { kind: 'text', help: 'bits', choices: ['fp32', 'bf16'] },
    deterministic: { kind: 'flag', help: 'always the case' },
  },
  examples: ['a.bin'],
}, async ({ options, args, print }) => {
  const { UserError } = await load('harness/base/errors.ts');
  if (args[0] === 'user') throw new UserError('that file is no good');
  if (args[0] === 'bug') throw new Error('broken inside');
  if (args[0] === 'system') return (await import('node:fs')).readFileSync('/no/such/file');
  const stray = () => { throw new Error('nobody waits'); };
  if (args[0] === 'thrown') setTimeout(stray);
  if (args[0] === 'rejected') Promise.resolve().then(stray);
  if (args[0] === 'thrown' || args[0] === 'rejected') return new Promise((r) => setTimeout(r, 5e3));
  if (args[0] === 'code') return 3;
  print({ options, args }, 'in words');
});`,
);

function run(...args: string[]) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [zx, script, ...args], {
    encoding: 'utf8',
  });
  return { stdout, stderr, status };
}

test('options reach the command with their types and defaults', () => {
  const words = ['a', '--set', 'x=1', '--epochs=3', '--set', 'y=-2', '--rate', '-1.5e-3', '--json'];
  const { stdout, status } = run(...words);
  expect(status).toBe(0);
  const { options, args } = JSON.parse(stdout);
  expect(args).toEqual(['a']);
  expect(options).toEqual({
    set: ['x=1', 'y=-2'],
    epochs: 3,
    rate: -0.0015,
    work_dir: 'work_dirs',
    deterministic: false,
    json: true,
    help: false,
  });
  expect(run('a')).toEqual({ stdout: 'in words\n', stderr: '', status: 0 });
});

test('a mistake of the user has no stack, another error has one', () => {
  expect(run('user')).toEqual({
    stdout: '',
    stderr: 'sample: that file is no good\n',
    status: 1,
  });
  const bug = run('bug');
  expect(bug.status).toBe(1);
  expect(bug.stderr).toMatch(/Error: broken inside\n\s+at /);
  expect(bug.stderr).toMatch(
    /\nThis is a mistake in Reprise, not in what you asked for. Please report it .*\n {2}Reprise \d.*, Node v\d.*, linux .*\n.*sample.mjs bug\n$/,
  );
  const system = run('system');
  expect(system.status).toBe(1);
  expect(system.stderr).toBe(
    'sample: /no/such/file is not there; correct the path, or put it back\n',
  );
  for (const stray of ['thrown', 'rejected']) {
    const { stderr, status } = run(stray);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^sample: Error: nobody waits\n.*This is a mistake in Reprise/s);
  }
  expect(run('code').status).toBe(3);
  const usage = run('a', '--work-dir', 'x');
  expect(usage.status).toBe(2);
  expect(usage.stderr).toMatch(/^sample: .*work_dir\?\n`npx zx scripts\/sample.mjs --help` lists/);
});

test('help names every argument and option and runs nothing', () => {
  const { stdout, status } = run('--help', 'bug');
  expect(status).toBe(0);
  for (const word of ['FILE', '[OUT]', '--work_dir DIR', 'default: work_dirs', '--json', 'a.bin']) {
    expect(stdout).toContain(word);
  }
});
