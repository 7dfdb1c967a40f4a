import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { checkMount, noexecMount } from './mount.ts';

const folder = mkdtempSync(join(tmpdir(), 'mount point-'));
afterAll(() => rmSync(folder, { recursive: true }));

const line = (place: string, options: string) =>
  `42 1 0:39 / ${place.replaceAll(' ', '\\040')} ${options} - tmpfs tmpfs rw`;

test('the mount nearest to a path counts, and the later of two at one place', () => {
  const root = line('/', 'rw,relatime');
  expect(noexecMount(folder, root)).toBe(undefined);
  expect(noexecMount(folder, line('/', 'rw,noexec'))).toBe('/');
  const inner = [root, line(folder, 'rw,nosuid,noexec,relatime')];
  expect(noexecMount(folder, inner.join('\n'))).toBe(folder);
  expect(noexecMount(folder, [...inner, line(folder, 'rw')].join('\n'))).toBe(undefined);
  expect(noexecMount(folder, [...inner].reverse().join('\n'))).toBe(folder);
  const beside = [root, line(folder.slice(0, -1), 'rw,noexec')];
  expect(noexecMount(folder, beside.join('\n'))).toBe(undefined);
  expect(noexecMount(folder, '')).toBe(undefined);
});

test('a link is followed, and the message names place and mends', () => {
  const table = [line('/', 'rw'), line(folder, 'rw,noexec')].join('\n');
  const link = join(tmpdir(), `mount-link-${process.pid}`);
  symlinkSync(folder, link);
  try {
    expect(() => checkMount(link, table)).toThrow(
      `engine: ${link} is on ${folder}, which is mounted noexec, so that libtensorflow cannot be loaded from there; set XDG_CACHE_HOME (or REPRISE_TENSORFLOW_DIR) to a folder on another disk, or \`mount -o remount,exec ${folder}\``,
    );
  } finally {
    rmSync(link);
  }
});

test('libtensorflow is loaded from here, so this machine lets it', () => {
  expect(() => checkMount(process.execPath)).not.toThrow();
});
