import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { UserError } from '../../base/errors.ts';
import {
  newUser,
  type PackageIndex,
  type SmallWheel,
  smallWheel,
  startIndex,
} from '../../testing/package_index.ts';
import { chooseDevice, driverVersion } from './driver.ts';
import { provision } from './index.ts';
import { checkMachine, isOlder, type Machine, thisMachine } from './machine.ts';
import type { Build } from './pins.ts';
import { causeOf } from './pip.ts';
import type { Environment } from './python.ts';

const folder = mkdtempSync(join(tmpdir(), 'refusal-'));
let wheel: SmallWheel;
let index: PackageIndex;
let home: string;
beforeAll(async () => {
  wheel = smallWheel(folder);
  index = await startIndex(wheel.path);
});
afterAll(async () => {
  await index.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  home = mkdtempSync(join(folder, 'home-'));
});
afterEach(() => index.answer(200));

/** The message of the UserError that provisioning ends with. */
async function refusal(more: Environment, build = wheel.build, machine?: Machine) {
  const environment = { ...newUser(home, index), ...more };
  const terminal = { write: () => true };
  const error = await provision({ environment, build, terminal, ...(machine && { machine }) }).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(UserError);
  expect(existsSync(join(home, 'cache', 'reprise', 'small'))).toBe(false);
  return error instanceof UserError ? error.message : '';
}

/** The build with its only wheel changed. */
function buildWith(change: Partial<Build['wheels'][number]>): Build {
  return { ...wheel.build, wheels: wheel.build.wheels.map((one) => ({ ...one, ...change })) };
}

describe('Python', () => {
  test('none in PATH', async () => {
    const message = await refusal({ PATH: folder });
    expect(message).toContain('no Python 3 (3.8 or newer) in PATH');
    expect(message).toContain('apt install python3 python3-pip');
  });

  // Neither installed nor as the wheel of `ensurepip`, in any Python of this machine.
  const hidden = () => {
    const path = join(home, 'hidden');
    mkdirSync(path);
    const code = "import sys\nsys.modules['pip'] = sys.modules['ensurepip'] = None\n";
    writeFileSync(join(path, 'sitecustomize.py'), code);
    return path;
  };

  test('without pip', async () => {
    const message = await refusal({ PYTHONPATH: hidden() });
    expect(message).toContain('python3 has no pip');
    expect(message).toContain('install it with `apt install python3-pip`');
  });

  test('without pip in a virtual environment of uv', async () => {
    const [venv, bin] = [join(home, 'venv'), join(home, 'bin')];
    expect(spawnSync('python3', ['-m', 'venv', '--without-pip', venv]).status).toBe(0);
    mkdirSync(bin);
    writeFileSync(join(bin, 'uv'), '');
    const PATH = `${join(venv, 'bin')}:${bin}:${process.env.PATH}`;
    const message = await refusal({ PYTHONPATH: hidden(), PATH });
    expect(message).toContain('install it with `uv pip install pip` or `apt install');
  });
});

describe('the package index', () => {
  test('cannot be reached', async () => {
    const message = await refusal({ PIP_INDEX_URL: 'http://127.0.0.1:1/simple' });
    expect(message).toContain('cannot fetch tensorflow-cpu 2.21.0 (1 MB)');
    expect(message).toContain('cannot be reached; check the network and proxy (HTTPS_PROXY)');
  });

  test.each([401, 403])('refuses access with %i', async (status) => {
    index.answer(status);
    expect(await refusal({})).toContain('the package index refuses access; check PIP_INDEX_URL');
  });

  test('does not have the file', async () => {
    index.answer(404);
    expect(await refusal({})).toContain('does not have this file; check PIP_INDEX_URL');
  });

  test("is not taken to refuse access by the milliseconds in pip's log", () => {
    const line = '2026-11-29T02:23:53,401 ERROR: No matching distribution found';
    expect(causeOf(line)).toContain('does not have this file');
    expect(causeOf('HTTP error 401 Client Error: Unauthorized')).toContain('refuses access');
    expect(causeOf('ERROR: HTTP error 403 while getting')).toContain('refuses access');
  });

  test('sends another file than the pinned one', async () => {
    const message = await refusal({}, buildWith({ sha256: '0'.repeat(64) }));
    expect(message).toContain('is not the pinned file (its SHA-256 differs), and it was not kept');
  });
});

test('a library that differs from its pin once unpacked is removed', async () => {
  const files = (wheel.build.wheels[0]?.files ?? []).map((file) => ({
    ...file,
    sha256: '1'.repeat(64),
  }));
  const message = await refusal({}, buildWith({ files }));
  expect(message).toMatch(/as unpacked has 14000 bytes and SHA-256 [0-9a-f]{64}, expected 14000/);
  expect(message).toContain('it was removed. Run again');
});

test('too little space on the disk, before anything is fetched', async () => {
  const message = await refusal({}, buildWith({ bytes: 1e15 }));
  expect(message).toMatch(/has [\d.]+ [MG]B free, and libtensorflow needs 2000000\.0 GB/);
  expect(message).toContain('set XDG_CACHE_HOME to a folder on a larger disk');
  expect(index.served()).toBe(2); // the two wheels whose content was refused above
});

test('a cache folder that cannot be written', async () => {
  writeFileSync(join(home, 'file'), '');
  const message = await refusal({ XDG_CACHE_HOME: join(home, 'file') });
  expect(message).toContain(`cannot write the cache folder ${join(home, 'file', 'reprise')}`);
});

test('REPRISE_TENSORFLOW_DIR without the libraries', async () => {
  expect(await refusal({ REPRISE_TENSORFLOW_DIR: home })).toBe(
    `REPRISE_TENSORFLOW_DIR=${home} has no libtensorflow_framework.so.2 and no libtensorflow_cc.so.2; name the folder that holds both, or unset it`,
  );
});

describe('the machine', () => {
  const good: Machine = { platform: 'linux', arch: 'x64', glibc: '2.36', avx: true };
  test.each([
    [{ platform: 'darwin' }, 'this system is darwin; use a Linux machine, container or WSL 2'],
    [{ arch: 'arm64' }, 'built for x64, and Node runs here as arm64'],
    [{ glibc: '2.26' }, 'needs glibc 2.27 or newer, and this system has 2.26; use a newer system'],
    [{ glibc: undefined }, 'another one (musl, as in Alpine); use a Debian, Ubuntu or Fedora'],
    [{ avx: false }, 'needs a CPU with AVX, and this one reports none'],
  ])('%o', async (change, message) => {
    expect(await refusal({}, wheel.build, { ...good, ...change })).toContain(message);
  });

  test('this one is fit, as the engine runs on it', () => {
    const machine = thisMachine();
    expect(machine.glibc).toMatch(/^2\.\d+$/);
    const { stdout } = spawnSync('ldd', ['--version'], { encoding: 'utf8' });
    expect(stdout.split('\n')[0]?.endsWith(` ${machine.glibc}`)).toBe(true);
    expect(() => checkMachine(machine)).not.toThrow();
  });

  test('versions are compared by number', () => {
    expect(isOlder('2.9', '2.27')).toBe(true);
    expect(isOlder('2.27', '2.27')).toBe(false);
    expect(isOlder('525.60.13', '525.60.2')).toBe(false);
    expect(isOlder('470.256.02', '525.60.13')).toBe(true);
  });
});

describe('the device', () => {
  const text = [
    'NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023',
    'GCC version:  gcc version 11.4.0 (Ubuntu 11.4.0-1ubuntu1~22.04)',
  ].join('\n');

  test('is a GPU where a driver is, and a CPU without or on request', () => {
    expect(driverVersion(text)).toBe('535.104.05');
    expect(
      driverVersion(text.replace('x86_64 Kernel Module', 'Open Kernel Module for x86_64')),
    ).toBe('535.104.05');
    expect(chooseDevice(undefined, () => '535.104.05')).toBe('gpu');
    expect(chooseDevice('', () => '')).toBe('gpu');
    expect(chooseDevice(undefined, () => undefined)).toBe('cpu');
    expect(chooseDevice('cpu', () => '535.104.05')).toBe('cpu');
  });

  test('asked for and not there, too old, or misspelt', () => {
    expect(() => chooseDevice('gpu', () => undefined)).toThrow('there is no NVIDIA driver');
    expect(() => chooseDevice(undefined, () => '470.256.02')).toThrow(
      'the NVIDIA driver here is 470.256.02, and CUDA 12 needs 525.60.13 or newer',
    );
    expect(() => chooseDevice('cuda', () => undefined)).toThrow(
      'REPRISE_DEVICE=cuda: expected cpu',
    );
  });
});
