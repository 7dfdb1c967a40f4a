import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { cacheHome } from '../harness/base/cache_home.ts';
import { readJson } from '../harness/base/json_file.ts';
import { readFolder } from '../harness/base/read.ts';
import { runScript } from './train.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'bad-paths-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const LONG = 'n'.repeat(300);
mkdirSync(at('folder'));
writeFileSync(at('file'), 'text');
writeFileSync(at('broken.json'), '{\n  "name": \n}');
symlinkSync('loop', at('loop'));
symlinkSync('loop.json', at('loop.json'));
mkdirSync(at('folder.json'));

test.each([
  ['train loop.json', /loop\.json is a link that leads to itself; remove it/],
  ['train folder.json', /folder\.json is a folder, expected a file; name a file in it/],
  ['train file/x.json', /x\.json is not there: a part of its path is a file; correct the path/],
  ['train broken.json', /broken\.json is no JSON, expected an experiment: Unexpected token/],
  ['train moco --work_dir loop', /cannot write .*loop: a link in its path leads to itself/],
  ['train moco --work_dir file', /cannot write .*: a parent of it is a file, not a folder/],
  [`perturbed moco --work_dir ${LONG}`, /cannot write .*: its name is too long/],
  ['views moco --index 0 --out file/v.png', /cannot write .*v\.png: a parent of it is a file/],
  ['trace moco --steps 1 --out loop', /cannot write .*: a link in its path leads to itself/],
  ['verify file', /file is a text file that begins "text"|file is no JSON, expected the record/],
  ['verify loop', /loop is a link that leads to itself/],
  ['convert loop out.pth', /loop is a link that leads to itself/],
  ['convert folder out.pth', /folder is a folder, expected a safetensors file; name a file in it/],
  ['compare loop folder', /loop is a link that leads to itself/],
  ['report --add none --out folder', /none is not there; expected the work directory of a run/],
  [
    'report --out file',
    /file is not there|is a file, expected a folder|a part of its path is a file/,
  ],
  ['bench_data --ours --files folder', /folder is a folder, expected a file/],
  ['check_data {"kind":"folder","root":"LOOP"}', /loop is a link that leads to itself/],
])(
  '%s ends in one sentence',
  (line, words) => {
    const [name = '', ...rest] = line.split(' ');
    const known = /^(loop|file|folder|broken|none|n{300})/;
    const args = rest.map((word) =>
      known.test(word) ? at(word) : word.replace('LOOP', at('loop')),
    );
    const { stderr, status } = runScript(name, ...args);
    expect(stderr).toMatch(words);
    expect(stderr).not.toMatch(/\n {4}at |mistake in Reprise/);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(status).toBe(1);
  },
  300_000,
);

test('what reads names path, cause and mend', () => {
  expect(() => readFolder(at('file'))).toThrow(/file is a file, expected a folder; name its/);
  expect(() => readFolder(at('none'))).toThrow(/none is not there; correct the path/);
  expect(() => readJson(at('broken.json'), 'a record')).toThrow(/is no JSON, expected a record: /);
  expect(() => readJson(`${folder}/a\0b`, 'a record')).toThrow(
    /a\\x00b holds a character that no path/,
  );
});

test('a user without a home directory is told so, or needs none', () => {
  expect(cacheHome({ XDG_CACHE_HOME: '/caches' })).toBe('/caches');
  expect(cacheHome({ XDG_CACHE_HOME: 'relative' })).toMatch(/^\/.*\.cache$/);
  if (process.getuid?.() !== 0) {
    process.stderr.write('NOT CHECKED: a user without a home directory; run as root\n');
    return;
  }
  const uid = 54_321; // no entry in the user database
  const { HOME: _, XDG_CACHE_HOME: __, ...env } = process.env;
  const code = `const { cacheHome } = await import('${new URL('../harness/base/cache_home.ts', import.meta.url).pathname}');
    console.log(cacheHome({}));`;
  const line = ['--import', 'tsx', '--input-type=module', '-e', code];
  const root = new URL('..', import.meta.url).pathname;
  const { stdout } = spawnSync(process.execPath, line, { uid, env, cwd: root, encoding: 'utf8' });
  expect(stdout).toBe('undefined\n');
});
