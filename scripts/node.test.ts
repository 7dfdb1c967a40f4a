import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const { nodeProblem, packagesProblem } = await import(new URL('./node.mjs', import.meta.url).href);

test('a Node older than package.json asks for is refused by name', () => {
  const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  expect(engines.node).toBe('>=20.19');
  expect(nodeProblem('20.18.3')).toBe(
    'this is Node 20.18.3, and Reprise needs 20.19 or newer; install Node 22 or 24 (nodejs.org, nvm or your distribution)',
  );
  expect(nodeProblem('18.20.4')).toContain('this is Node 18.20.4');
  for (const version of ['20.19.0', '20.20.2', '22.0.0', '24.4.1'])
    expect(nodeProblem(version)).toBe(undefined);
});

test.each([
  [
    'The service was stopped: spawn /a/node_modules/@esbuild/linux-x64/bin/esbuild EACCES',
    /may not be run; if its disk is mounted noexec/,
  ],
  ['/a/koffi.node: failed to map segment from shared object', /in \/a may not be run/],
  [
    'Cannot find the native Koffi module; did you bundle it correctly?',
    /not those for linux on x64; run `npm ci`/,
  ],
  ['\nYou installed esbuild for another platform than the one', /in \/a are not those for/],
  [
    'The package "@esbuild/linux-x64" could not be found, and is needed by esbuild.',
    /not those for/,
  ],
])('%s', (message, told) => {
  expect(packagesProblem(new Error(message), '/a')).toMatch(told);
  expect(packagesProblem(new Error('another'), '/a')).toBe(undefined);
});

test('a checkout without its packages says what to run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'node-'));
  cpSync(new URL('.', import.meta.url).pathname, join(folder, 'scripts'), { recursive: true });
  const { status, stderr } = spawnSync(process.execPath, [join(folder, 'scripts/parity.mjs')], {
    encoding: 'utf8',
  });
  rmSync(folder, { recursive: true });
  expect(stderr).toBe(`the packages are not installed; run \`npm ci\` in ${folder}\n`);
  expect(status).toBe(1);
});

test('a checkout in a path with a question mark is refused by its path', () => {
  const folder = mkdtempSync(join(tmpdir(), 'what?-'));
  cpSync(new URL('.', import.meta.url).pathname, join(folder, 'scripts'), { recursive: true });
  const { status, stderr } = spawnSync(process.execPath, [join(folder, 'scripts/parity.mjs')], {
    encoding: 'utf8',
  });
  rmSync(folder, { recursive: true });
  expect(stderr).toBe(
    `the checkout lies in ${folder}, and TypeScript cannot be loaded from a path with a question mark; rename or move the folder\n`,
  );
  expect(status).toBe(1);
});

// tsx reads file names out of addresses: what has a meaning in one must not be taken for it.
test('a checkout in a path with other odd characters works', () => {
  const folder = mkdtempSync(join(tmpdir(), 'a #%20%3F&;ü-'));
  const checkout = new URL('..', import.meta.url).pathname;
  for (const name of ['scripts', 'harness', 'methods', 'tools', 'package.json', 'tsconfig.json'])
    cpSync(join(checkout, name), join(folder, name), { recursive: true });
  symlinkSync(join(checkout, 'node_modules'), join(folder, 'node_modules'));
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(folder, 'scripts/count_parameters.mjs'), 'moco'],
    { encoding: 'utf8' },
  );
  rmSync(folder, { recursive: true });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
});
