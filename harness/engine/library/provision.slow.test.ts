import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  newUser,
  type PackageIndex,
  type SmallWheel,
  smallWheel,
  startIndex,
} from '../../testing/package_index.ts';
import { provision } from './index.ts';
import { CC, FRAMEWORK } from './pins.ts';
import type { Environment } from './python.ts';

// Real pip, real processes and a package index on this machine; only the wheel is small.
const LOAD = new URL('../../../scripts/load.mjs', import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), 'provision-'));
let wheel: SmallWheel;
let index: PackageIndex;
let home: string;
let environment: ReturnType<typeof newUser>;
const filled = join(folder, 'filled');
const children: ChildProcess[] = [];

beforeAll(async () => {
  wheel = smallWheel(folder);
  index = await startIndex(wheel.path);
  home = filled;
  environment = newUser(home, index);
  await provisioned();
});
afterAll(async () => {
  await index.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  home = mkdtempSync(join(folder, 'home-'));
  environment = newUser(home, index);
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  index.slow(0);
});

/** Provisions in this process; `said` gathers what the terminal shows. */
async function provisioned(more: Environment = {}) {
  let said = '';
  const terminal = { write: (text: string) => (said += text) };
  const settings = { build: wheel.build, environment: { ...environment, ...more }, terminal };
  return { library: await provision(settings), said };
}

/** Provisions in a process of its own. */
function start(build = wheel.build) {
  const code = `const { load } = await import('${LOAD}');
    const { provision } = await load('harness/engine/library/index.ts');
    const build = JSON.parse(process.argv[1]);
    console.log(JSON.stringify(await provision({ build })));`;
  const args = ['--input-type=module', '-e', code, JSON.stringify(build)];
  const child = spawn(process.execPath, args, { env: environment });
  children.push(child);
  const text = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    text.out += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    text.err += chunk;
  });
  const end = new Promise<{ code: number | null; out: string; err: string }>((done) => {
    child.on('close', (exit) => done({ code: exit, ...text }));
  });
  return { child, end };
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 1500) throw new Error('waited 30 s in vain');
    await setTimeout(20);
  }
}

const cache = () => join(home, 'cache', 'reprise');
const small = () => join(cache(), 'small');

function expectComplete(): void {
  for (const { name, bytes } of wheel.build.wheels[0]?.files ?? [])
    expect(statSync(join(small(), name)).size).toBe(bytes);
  expect(readdirSync(cache()).sort()).toEqual(['directories', 'small', 'small.lock']);
}

test('an empty cache is filled with the two libraries alone, showing progress', async () => {
  const { library, said } = await provisioned();
  expect(library).toMatchObject({ directory: small(), device: 'cpu', preload: [] });
  expect(library.framework).toBe(join(small(), FRAMEWORK));
  expect(library.cc).toBe(join(small(), CC));
  expect(readdirSync(small()).sort()).toEqual([CC, FRAMEWORK].sort());
  expectComplete();
  expect(said).toMatch(/^engine: fetching TensorFlow 2\.21\.0 for cpu with pip, once: 1 MB, into /);
  expect(said).toContain(`unpacking ${CC}: 100% of 2 MB\n`);
  // Nothing is asked for or said from then on: there is no Python in this PATH.
  const again = await provisioned({ PATH: folder });
  expect(again).toEqual({ library, said: '' });
});

// As `uv venv` makes them: what is told to a Python outside would not work inside.
test('from a virtual environment without pip, pip of another Python or its own wheel is used', async () => {
  const venv = join(home, 'venv');
  expect(spawnSync('python3', ['-m', 'venv', '--without-pip', venv]).status).toBe(0);
  const inside = spawnSync(join(venv, 'bin/python3'), ['-c', 'import pip']);
  expect(inside.status).toBe(1);
  await provisioned({ PATH: join(venv, 'bin'), VIRTUAL_ENV: venv, PIP_REQUIRE_VIRTUALENV: '1' });
  expectComplete();
  expect(spawnSync(join(venv, 'bin/python3'), ['-c', 'import pip']).status).toBe(1);
});

// Settings that are meant for `pip install` into somebody's environment.
test('settings of pip for installing do no harm', async () => {
  const [config, elsewhere] = [join(home, 'pip.conf'), join(home, 'elsewhere')];
  const install = 'user = true\ntarget = /elsewhere\nno-binary = :all:';
  writeFileSync(config, `[global]\nrequire-virtualenv = true\n[install]\n${install}\n`);
  await provisioned({
    PIP_CONFIG_FILE: config,
    PIP_USER: '1',
    PIP_TARGET: elsewhere,
    PIP_PREFIX: elsewhere,
    PIP_NO_BINARY: ':all:',
    PIP_REQUIRE_VIRTUALENV: 'true',
  });
  expectComplete();
  expect(existsSync(elsewhere)).toBe(false);
});

test('three processes at once fetch one wheel', async () => {
  const before = index.served();
  index.slow(10);
  const ends = await Promise.all([start(), start(), start()].map(({ end }) => end));
  expect(ends.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(new Set(ends.map(({ out }) => out)).size).toBe(1);
  expect(ends.filter(({ err }) => err.includes('another process sets up')).length).toBe(2);
  expect(index.served() - before).toBe(1);
  expectComplete();
});

test('a process killed while it downloads takes pip along, and the next one succeeds', async () => {
  index.slow(60_000);
  const { child, end } = start();
  const partial = join(cache(), 'small.partial');
  await until(() => index.open() === 1);
  child.kill('SIGKILL');
  await end;
  await until(() => index.open() === 0);
  expect(existsSync(partial)).toBe(true);
  expect(existsSync(small())).toBe(false);
  index.slow(0);
  await provisioned();
  expectComplete();
});

test('a process killed while it unpacks leaves a wheel that is not fetched again', async () => {
  const large = mkdtempSync(join(folder, 'large-'));
  const { path, build } = smallWheel(large, 1 << 26);
  const serving = await startIndex(path);
  environment = newUser(home, serving);
  const { child, end } = start(build);
  await until(() => existsSync(join(cache(), 'small.partial', 'files', CC)));
  child.kill('SIGKILL');
  await end;
  expect(existsSync(small())).toBe(false);
  const { code } = await start(build).end;
  expect(code).toBe(0);
  expect(serving.served()).toBe(1);
  expect(statSync(join(small(), CC)).size).toBe(1 << 26);
  await serving.close();
});

test('killed at any moment, again and again, it is done in the end', async () => {
  for (const wait of [250, 500, 750, 1000]) {
    const { child, end } = start();
    await setTimeout(wait);
    child.kill('SIGKILL');
    await end;
  }
  expect((await start().end).code).toBe(0);
  expectComplete();
});

test.each([
  ['cut short', (path: string) => truncateSync(path, 1000), /has 1000 bytes, expected 1048576/],
  ['longer', (path: string) => appendFileSync(path, 'x'), /has 1048577 bytes, expected 1048576/],
  ['changed', changeByte, /has SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}/],
  ['gone', (path: string) => rmSync(path), /is missing/],
])('a library that is %s in the cache is named and set up again', async (_, damage, message) => {
  cpSync(filled, home, { recursive: true });
  const { library, said } = await provisioned();
  expect(said).toBe('');
  damage(library.cc);
  const again = await provisioned();
  expect(again.said).toMatch(message);
  expect(again.said).toContain('the cache is damaged: ');
  expect(again.library).toEqual(library);
  expectComplete();
});

function changeByte(path: string): void {
  const bytes = readFileSync(path);
  bytes[5000] = (bytes[5000] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  utimesSync(path, 1, 1); // a coarse clock could give the same time of change as before
}

function install(site: string, version = ''): void {
  const tags = '--platform manylinux_2_27_x86_64 --python-version 3.11 --abi cp311'.split(' ');
  const args = ['-m', 'pip', 'install', '--no-index', '--no-deps', '--only-binary=:all:', ...tags];
  const { status } = spawnSync('python3', [...args, '--target', site, wheel.path], {
    env: environment,
  });
  expect(status).toBe(0);
  const info = readdirSync(site).find((name) => name.endsWith('.dist-info')) ?? '';
  const metadata = join(site, info, 'METADATA');
  if (version !== '')
    writeFileSync(metadata, readFileSync(metadata, 'utf8').replace('2.21.0', version));
}

test('an installed package of the same files is used where it is', async () => {
  const before = index.served();
  const site = join(home, 'site');
  install(site);
  const { library, said } = await provisioned({ PYTHONPATH: site });
  expect(said).toBe(
    `engine: using the TensorFlow 2.21.0 that is installed in ${join(site, 'tensorflow')}\n`,
  );
  expect(lstatSync(small()).isSymbolicLink()).toBe(true);
  expect(readFileSync(library.framework, 'utf8')).toContain('the framework');
  expect(index.served()).toBe(before);
  // Once it is uninstalled, the link leads nowhere and the wheel is fetched.
  rmSync(site, { recursive: true });
  const again = await provisioned();
  expect(again.library).toEqual(library);
  expect(lstatSync(small()).isDirectory()).toBe(true);
  expectComplete();
});

test('an installed package of another version, or with other files, is left alone', async () => {
  const [older, changed] = [join(home, 'older'), join(home, 'changed')];
  install(older, '2.20.0');
  await provisioned({ PYTHONPATH: older });
  expect(lstatSync(small()).isDirectory()).toBe(true);
  rmSync(small(), { recursive: true });
  install(changed);
  changeByte(join(changed, 'tensorflow', CC));
  await provisioned({ PYTHONPATH: changed });
  expect(lstatSync(small()).isDirectory()).toBe(true);
  expect(existsSync(join(changed, 'tensorflow', CC))).toBe(true);
});

test('REPRISE_TENSORFLOW_DIR comes first and is taken as it is', async () => {
  const own = join(home, 'own');
  mkdirSync(own);
  for (const name of [FRAMEWORK, CC]) writeFileSync(join(own, name), `own build of ${name}`);
  const { library, said } = await provisioned({
    REPRISE_TENSORFLOW_DIR: own,
    REPRISE_DEVICE: 'cpu',
    PATH: folder,
  });
  expect(library).toMatchObject({ directory: own, device: 'cpu' });
  // sha256sum of the two lines that `sha256sum FRAMEWORK CC` prints for these files.
  expect(library.sha256).toBe('e6ef1d74f55140d9906f17e595733de5a1c1666864e24f76c2be6ff5c06da371');
  expect(said).toBe('');
  expect(existsSync(small())).toBe(false);
});

test('a relative XDG_CACHE_HOME is ignored, as its specification says', async () => {
  const find = { XDG_CACHE_HOME: 'relative', PATH: folder };
  await expect(provisioned(find)).rejects.toThrow('no Python 3');
  expect(existsSync('relative')).toBe(false);
});
