import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sameClasses } from '../classes.ts';
import { openSource } from '../open_source.ts';
import type { Source } from '../source.ts';
import { sourceWarnings } from '../source_warnings.ts';
import type { ClassesSpec } from '../spec.ts';
import type { FileIndex } from './file_index.ts';
import { indexFolder } from './folder.ts';

const jpeg = readFileSync(
  fileURLToPath(new URL('../../../golden/data/images/jpeg420', import.meta.url)),
);
const cache = process.env.XDG_CACHE_HOME;
let data = '';
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'reprise-folder-'));
  process.env.XDG_CACHE_HOME = join(data, 'cache');
});
afterEach(() => {
  if (cache === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = cache;
  rmSync(data, { recursive: true, force: true });
});

function put(...names: readonly string[]): void {
  for (const name of names) {
    mkdirSync(dirname(join(data, 'set', name)), { recursive: true });
    writeFileSync(join(data, 'set', name), jpeg);
  }
}

function index(classes?: ClassesSpec, signal?: AbortSignal): Promise<FileIndex> {
  return indexFolder({ kind: 'folder', root: 'set', classes }, { data, signal });
}

function open(): Promise<Source> {
  return openSource({ kind: 'folder', root: 'set' }, { data });
}

describe('classes', () => {
  test.each([
    [
      ['10', '2', '0', '1', '11'],
      ['0', '1', '2', '10', '11'],
    ],
    [
      ['010', '9', '2'],
      ['2', '9', '010'],
    ],
    [
      ['00', '01', '10', '11'],
      ['00', '01', '10', '11'],
    ],
    // Not all are numbers: text.
    [
      ['10', '2', 'other'],
      ['10', '2', 'other'],
    ],
    [
      ['b', 'a', 'B'],
      ['B', 'a', 'b'],
    ],
    [
      ['z', 'e\u0301', 'f'],
      ['f', 'z', 'e\u0301'],
    ], // as if its letters were composed
    [
      ['20000000000000000001', '20000000000000000000'],
      ['20000000000000000000', '20000000000000000001'],
    ],
  ])('%j have the order %j', async (names, order) => {
    put(...names.map((name) => `${name}/x.jpg`));
    const { classes, labels, names: files } = await index();
    expect(classes).toEqual(order);
    expect(files).toEqual(order.map((name) => `${name}/x.jpg`));
    expect([...(labels ?? [])]).toEqual(order.map((_, label) => label));
  });

  test.each([
    [['1', '01'], /"01" and "1" are one class/],
    [['\u00e9', 'e\u0301'], /are one class by their names/],
  ])('%j are refused', async (names, message) => {
    put(...names.map((name) => `${name}/x.jpg`));
    await expect(index()).rejects.toThrow(message);
  });

  test('in the order of the source, some without a folder', async () => {
    put('a/x.jpg', 'b/x.jpg');
    const { classes, labels, names } = await index(['b', 'c', 'a']);
    expect([classes, [...(labels ?? [])], names]).toEqual([
      ['b', 'c', 'a'],
      [0, 2],
      ['b/x.jpg', 'a/x.jpg'],
    ]);
    await expect(index(['a'])).rejects.toThrow(/set\/b is none of the 1 classes/);
  });

  test('a link that leads nowhere is an error, among classes and among images', async () => {
    put('a/x.jpg', 'c/x.jpg');
    symlinkSync(join(data, 'gone'), join(data, 'set/b'));
    await expect(index()).rejects.toThrow(/set\/b is a link that leads nowhere; put back/);
    rmSync(join(data, 'set/b'));
    symlinkSync(join(data, 'gone'), join(data, 'set/a/y.jpg'));
    await expect(index()).rejects.toThrow(/set\/a\/y\.jpg is a link that leads nowhere/);
  });

  test('a link that leads to itself is an error', async () => {
    put('a/x.jpg');
    symlinkSync('b', join(data, 'set/b'));
    await expect(index()).rejects.toThrow(/set\/b is a link that leads to itself/);
  });

  test.skipIf(process.getuid?.() === 0)('one that may not be read is an error', async () => {
    put('a/x.jpg', 'b/x.jpg');
    chmodSync(join(data, 'set/b'), 0);
    await expect(index()).rejects.toThrow(/set\/b may not be read/);
    chmodSync(join(data, 'set/b'), 0o755);
  });
});

test('numbered folders and a list of the same images have the same labels and classes', async () => {
  const names = Array.from({ length: 12 }, (_, label) => `${label}/x.jpg`);
  put(...names);
  writeFileSync(join(data, 'list.txt'), names.map((name, label) => `${name} ${label}\n`).join(''));
  const folder = await open();
  const spec = { kind: 'list', root: 'set', file: 'list.txt', labelled: true } as const;
  const list = await openSource(spec, { data });
  expect(list.labels).toEqual(folder.labels);
  expect(list.manifest).toEqual(folder.manifest);
  const named = sameClasses({ path: 'a', source: folder }, { path: 'b', source: list });
  expect(named).toEqual(folder.classes);
});

test('every other name for JPEG is an image', async () => {
  put(...['jfif', 'jpe', 'JPE', 'pjpeg', 'pjp', 'Jif'].map((end) => `a/x.${end}`));
  expect((await index()).names).toHaveLength(6);
});

test('names that are no UTF-8 are read by their bytes, from any thread', async () => {
  put('a/x.jpg');
  const odd = Buffer.from('set/caf\xe9', 'latin1');
  const folder = Buffer.concat([Buffer.from(`${data}/`), odd]);
  mkdirSync(folder);
  const paths = [0xfc, 0xfd].map((letter) =>
    Buffer.concat([folder, Buffer.of(0x2f, letter), Buffer.from('.jpg')]),
  );
  for (const path of paths) writeFileSync(path, jpeg);
  const longAgo = new Date('2020-01-01T00:00:00Z'); // what has just changed is hashed again
  for (const path of [...paths, join(data, 'set/a/x.jpg')]) utimesSync(path, longAgo, longAgo);
  const source = await open();
  expect(source.classes).toEqual(['a', 'caf\\xe9']);
  expect(source.describe(1)).toBe(join(data, 'set/caf\\xe9/\\xfc.jpg'));
  expect((await source.read(2)).width).toBe(23);
  const { manifest } = source;
  const onProgress = () => expect.fail('hashed again');
  expect((await openSource({ kind: 'folder', root: 'set' }, { data, onProgress })).count).toBe(3);
  const shared = source.share?.();
  const again = await openSource({ kind: 'folder', root: 'none' }, { data, manifest, shared });
  expect([0, 1, 2].map((i) => again.describe(i))).toEqual([0, 1, 2].map((i) => source.describe(i)));
  expect((await again.read(2)).width).toBe(23);
});

test('what is left out is counted by reason', async () => {
  put('a/1.jpg', 'a/.2.jpg', 'a/in/3.jpg', 'loose.jpg', 'README', '.git/x', '.DS_Store');
  for (let i = 0; i < 7; i++) put(`a/${i}.txt`);
  symlinkSync(join(data, 'gone'), join(data, 'set/a/link'));
  expect(sourceWarnings('data.train', await open())).toEqual([
    'data.train: 8 left out as no images by their extension: README, a/0.txt, a/1.txt, a/2.txt, a/3.txt, …',
    'data.train: 1 left out as images beside the classes: loose.jpg',
    'data.train: 2 left out as hidden, by a dot before the name: .git/, a/.2.jpg',
    'data.train: 1 left out as folders inside a class: a/in/',
    'data.train: 1 left out as links that lead nowhere: a/link',
  ]);
});

test('a folder is looked through in time that grows with its files', async () => {
  const names = (count: number) => Array.from({ length: count }, (_, i) => `a/${i}.jpg`);
  const seconds = async () => {
    const start = performance.now();
    await index();
    return performance.now() - start;
  };
  mkdirSync(join(data, 'set/a'), { recursive: true });
  for (const name of names(20_000)) writeFileSync(join(data, 'set', name), '');
  await seconds();
  // Some 0.05 s; where each file is looked for among all others, 1 s.
  expect(Math.min(await seconds(), await seconds(), await seconds())).toBeLessThan(500);
}, 300_000);

test('a stop is heard', async () => {
  put('a/x.jpg');
  const controller = new AbortController();
  controller.abort();
  const { signal } = controller;
  await expect(index(undefined, signal)).rejects.toBe(signal.reason);
});
