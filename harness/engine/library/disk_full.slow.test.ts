import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { UserError } from '../../base/errors.ts';
import {
  newUser,
  type PackageIndex,
  type SmallWheel,
  smallWheel,
  startIndex,
} from '../../testing/package_index.ts';
import { provision } from './index.ts';

// A real file system of 8 MB, real pip and real processes; another program fills the disk half-way.
const folder = mkdtempSync(join(tmpdir(), 'disk-full-'));
const home = join(folder, 'home');
mkdirSync(home);
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', home]).status === 0;
if (!mounted)
  process.stderr.write('SKIPPED: a full disk while libtensorflow is set up; mounting needs root\n');

let wheel: SmallWheel;
let index: PackageIndex;
beforeAll(async () => {
  wheel = smallWheel(folder);
  index = await startIndex(wheel.path);
});
afterAll(async () => {
  await index.close();
  if (mounted) spawnSync('umount', [home]);
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  for (const name of readdirSync(home)) rmSync(join(home, name), { recursive: true });
});

/** Fills the file system to its last block. */
function fill(): void {
  const ballast = openSync(join(home, 'ballast'), 'a');
  try {
    for (;;) writeSync(ballast, Buffer.alloc(4096));
  } catch (cause) {
    expect(cause).toMatchObject({ code: 'ENOSPC' });
  } finally {
    closeSync(ballast);
  }
}

/** Provisions; the disk is filled when progress first says `when`. */
async function provisioned(when: RegExp) {
  let filled = false;
  const write = (text: string) => {
    if (filled || !when.test(text)) return;
    filled = true;
    fill();
  };
  const environment = newUser(home, index);
  const result = await provision({ environment, build: wheel.build, terminal: { write } }).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  return { result, filled };
}

describe.runIf(mounted)('a disk that fills up', () => {
  const cache = join(home, 'cache', 'reprise');

  test.each([
    ['while the library is unpacked', /unpacking libtensorflow_cc/, /the disk was full while/],
    ['while the wheel is fetched', /tensorflow-cpu/, /the disk is full; free some space/],
  ])('%s: one error with the mend, and nothing left', async (_, when, message) => {
    index.slow(message.source.includes('was') ? 0 : 40);
    const { result, filled } = await provisioned(when);
    expect(filled).toBe(true);
    expect(result).toBeInstanceOf(UserError);
    expect(String(result)).toMatch(message);
    expect(String(result)).toContain('set XDG_CACHE_HOME to a folder on a larger disk');
    const left = readdirSync(cache).filter((name) => !name.endsWith('.lock'));
    expect(left).toEqual([]);
  });

  test('once there is room, the next start needs no help', async () => {
    index.slow(0);
    expect((await provisioned(/unpacking libtensorflow_cc/)).result).toBeInstanceOf(UserError);
    rmSync(join(home, 'ballast'));
    const { result } = await provisioned(/never/);
    expect(result).toBeUndefined();
    expect(existsSync(join(cache, 'small'))).toBe(true);
    expect(readdirSync(cache).filter((name) => name.includes('partial'))).toEqual([]);
  });
});
