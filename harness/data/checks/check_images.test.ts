import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openSource } from '../open_source.ts';
import { imageCheck } from './check_images.ts';
import { addDecoded, isDecoded, readDecoded } from './decoded_cache.ts';

const images = fileURLToPath(new URL('../../../golden/data/images/', import.meta.url));
const jpeg = readFileSync(join(images, 'jpeg444'));

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reprise-images-'));
  vi.stubEnv('XDG_CACHE_HOME', join(folder, 'cache'));
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** A picture like all others and yet a content of its own: bytes behind the end of a JPEG are not read. */
function picture(index: number): Buffer {
  return Buffer.concat([jpeg, Buffer.from(`picture ${index}`)]);
}

function write(name: string, bytes: Uint8Array): void {
  mkdirSync(join(folder, 'data', 'set', name[0] ?? ''), { recursive: true });
  writeFileSync(join(folder, 'data', 'set', name), bytes);
}

async function checked(few = 1000) {
  const source = await openSource({ kind: 'folder', root: 'set' }, { data: join(folder, 'data') });
  const check = imageCheck({ 'data.train': source, 'evaluation.train': source }, { few });
  const told: string[] = [];
  await check.run(undefined, ({ message }) => told.push(message));
  expect(told).toEqual(check.damaged.map(({ message }) => message));
  return check;
}

test('every damaged file is found, and what is right is never decoded again', async () => {
  for (let i = 0; i < 150; i++) write(`a/${1000 + i}.jpg`, picture(i));
  write('a/1003.jpg', jpeg.subarray(0, 400));
  write('a/1140.jpg', Buffer.from('<html>'));
  const { count, damaged } = await checked();
  expect(count).toBe(150);
  expect(damaged.map(({ use, index }) => [use, index])).toEqual([
    ['data.train', 3],
    ['data.train', 140],
  ]);
  expect(damaged[0]?.message).toMatch(/1003\.jpg is damaged: JPEG decoder/);
  expect((await checked()).count).toBe(2);
  write('a/1003.jpg', picture(3));
  write('a/1140.jpg', picture(0));
  const again = await checked();
  expect([again.count, again.damaged]).toEqual([1, []]);
  expect((await checked()).count).toBe(0);
});

test('the same in the background; a file of another folder is known by its content', async () => {
  for (let i = 0; i < 70; i++) write(`a/${1000 + i}.jpg`, i === 60 ? Buffer.of() : picture(i));
  expect((await checked(0)).damaged).toMatchObject([{ index: 60 }]);
  cpSync(join(folder, 'data'), join(folder, 'other'), { recursive: true });
  const spec = { kind: 'folder', root: 'set' } as const;
  const source = await openSource(spec, { data: join(folder, 'other') });
  expect(imageCheck({ train: source }, { few: 0 }).count).toBe(1);
});

test('a check that is ended keeps what it has done', async () => {
  for (let i = 0; i < 200; i++) write(`a/${1000 + i}.jpg`, picture(i));
  const spec = { kind: 'folder', root: 'set' } as const;
  const source = await openSource(spec, { data: join(folder, 'data') });
  const check = imageCheck({ train: source }, { few: 0 });
  await check.run(() => void check.dispose());
  expect(check.damaged).toEqual([]);
  const { count } = imageCheck({ train: source }, { few: 0 });
  expect(count).toBeLessThan(200);
  expect(count).toBeGreaterThan(0);
});

test('contents are found among any others, and a damaged cache is none', async () => {
  await addDecoded([5n, 2n ** 64n - 1n, 3n]);
  await addDecoded([4n, 3n]);
  const known = readDecoded();
  expect([...known]).toEqual([3n, 4n, 5n, 2n ** 64n - 1n]);
  expect([2n, 3n, 4n, 5n, 6n, 2n ** 64n - 1n].map((key) => isDecoded(known, key))).toEqual([
    false,
    true,
    true,
    true,
    false,
    true,
  ]);
  writeFileSync(join(folder, 'cache', 'reprise', 'decodes', 'decoded-1.bin'), 'short');
  expect([...readDecoded()]).toEqual([]);
});
