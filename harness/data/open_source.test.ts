import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256 } from '../base/hash.ts';
import { sharedPath } from '../testing/shared.ts';
import { openSource } from './open_source.ts';
import type { OpenOptions, Source } from './source.ts';
import type { SourceSpec } from './spec.ts';

const images = fileURLToPath(new URL('../../golden/data/images/', import.meta.url));
const LONG_AGO = new Date('2020-01-01T00:00:00Z');

let home = '';
let data = '';
const before = process.env.XDG_CACHE_HOME;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'reprise-files-'));
  data = join(home, 'data');
  process.env.XDG_CACHE_HOME = join(home, 'cache');
});
afterEach(() => {
  if (before === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = before;
  rmSync(home, { recursive: true, force: true });
});

function put(path: string, content: string | Uint8Array): void {
  const place = join(data, path);
  mkdirSync(dirname(place), { recursive: true });
  writeFileSync(place, content);
  utimesSync(place, LONG_AGO, LONG_AGO);
}

/** One of the fixtures, under a name of the test's. */
function putImage(path: string, fixture = 'jpeg420'): void {
  put(path, readFileSync(join(images, fixture)));
}

const FOLDER: SourceSpec = { kind: 'folder', root: 'set' };

function list(labelled: boolean): SourceSpec {
  return { kind: 'list', root: 'set', file: 'list.txt', labelled };
}

function open(spec: SourceSpec, options: Partial<OpenOptions> = {}): Promise<Source> {
  return openSource(spec, { data, ...options });
}

function namesOf(source: Source): string[] {
  const start = join(data, 'set').length + 1;
  return Array.from({ length: source.count }, (_, i) => source.describe(i).slice(start));
}

describe('folder', () => {
  test('classes and images in the order of code units, extensions in any case', async () => {
    for (const name of ['b/2.JPEG', 'b/10.jpg', 'B/x.PNG', 'é/y.webp', 'a b/z.Gif'])
      putImage(`set/${name}`);
    const source = await open(FOLDER);
    expect(namesOf(source)).toEqual(['B/x.PNG', 'a b/z.Gif', 'b/10.jpg', 'b/2.JPEG', 'é/y.webp']);
    expect(source.classes).toEqual(['B', 'a b', 'b', 'é']);
    expect([...(source.labels ?? [])]).toEqual([0, 1, 2, 2, 3]);
    expect(source.manifest.notes).toEqual([]);
    expect((await source.read(3)).width).toBe(23);
  });

  test('what is left out is said, by reason', async () => {
    for (const name of ['a/1.jpg', 'a/.1.jpg', '.git/x.jpg']) putImage(`set/${name}`);
    for (const name of ['README', 'a/notes.txt', 'a/Thumbs.db', 'a/in/2.jpg'])
      put(`set/${name}`, 'x');
    const source = await open(FOLDER);
    expect(namesOf(source)).toEqual(['a/1.jpg']);
    expect(source.manifest.notes).toEqual([
      '3 left out as no images by their extension: README, a/Thumbs.db, a/notes.txt',
      '2 left out as hidden, by a dot before the name: .git/, a/.1.jpg',
      '1 left out as folders inside a class: a/in/',
    ]);
  });

  test('links lead to classes and images', async () => {
    putImage('elsewhere/1.jpg');
    mkdirSync(join(data, 'set'));
    symlinkSync(join(data, 'elsewhere'), join(data, 'set/a'));
    expect(namesOf(await open(FOLDER))).toEqual(['a/1.jpg']);
  });

  test('other layouts are refused', async () => {
    await expect(open(FOLDER)).rejects.toThrow(/set is not there; name its place with --data/);
    putImage('set/1.jpg');
    await expect(open(FOLDER)).rejects.toThrow(/has no folders in it, expected ROOT\/CLASS/);
    await expect(open({ kind: 'folder', root: 'set/1.jpg' })).rejects.toThrow(
      'is a file, expected',
    );
    putImage('set/a/1.jpg');
    mkdirSync(join(data, 'set/b/c'), { recursive: true });
    await expect(open(FOLDER)).rejects.toThrow(/set\/b has no images but 1 folders/);
  });

  test('images of a format that is not read are refused, not left out', async () => {
    putImage('set/a/1.jpg');
    put('set/a/2.BMP', 'x');
    put('set/a/3.tif', 'x');
    await expect(open(FOLDER)).rejects.toThrow(/a\/2\.BMP and 1 more there: images of a format/);
  });
});

describe('list', () => {
  beforeEach(() => {
    for (const name of ['a/1.jpg', 'with blank/2 b.JPEG', '3.png']) putImage(`set/${name}`);
  });

  test('with labels, blanks in paths, tabs and CRLF', async () => {
    put('list.txt', '\uFEFF3.png 7\r\nwith blank/2 b.JPEG\t0\r\na/1.jpg   12\r\n\r\n');
    const source = await open(list(true));
    expect(namesOf(source)).toEqual(['3.png', 'with blank/2 b.JPEG', 'a/1.jpg']);
    expect([...(source.labels ?? [])]).toEqual([7, 0, 12]);
  });

  test('without labels', async () => {
    put('list.txt', '3.png\nwith blank/2 b.JPEG');
    const source = await open(list(false));
    expect(namesOf(source)).toEqual(['3.png', 'with blank/2 b.JPEG']);
    expect(source.labels).toBeUndefined();
  });

  test('a line twice is a sample twice, and said', async () => {
    put('list.txt', 'a/1.jpg 1\n3.png 0\na/1.jpg 1\n');
    const source = await open(list(true));
    expect(source.count).toBe(3);
    expect(source.manifest.notes).toEqual([
      'list.txt: 1 lines name an image once more (the first is line 3); each counts',
    ]);
  });

  test.each([
    [true, '3.png 1\na/1.jpg', 'list.txt, line 2: "a/1.jpg" has no label'],
    [true, '3.png 1\n\na/1.jpg 1', 'line 2: "" has no label'],
    [true, 'with blank/2 b.JPEG', 'line 1: "with blank/2 b.JPEG" has no label'],
    [true, '3.png -1', 'line 1: label "-1" is no class number'],
    [true, '3.png 1.5', 'line 1: label "1.5" is no class number'],
    [true, '3.png 2147483648', 'line 1: label "2147483648" is no class number'],
    [true, '3.png cat', 'line 1: label "cat" is no class number'],
    [true, '3.png 1\n3.png 2', 'line 2: 3.png has label 2, and 1 on line 1'],
    [false, '3.png\na/1.jpg 4', 'line 2: "a/1.jpg 4" has a label, expected a path alone'],
    [false, '3.png\n\na/1.jpg', 'line 2 is empty'],
    [false, '', 'has no lines'],
  ])('labelled %s, %j', async (labelled, text, message) => {
    put('list.txt', text);
    await expect(open(list(labelled))).rejects.toThrow(message);
  });

  test('files that are not there are counted', async () => {
    put('list.txt', '3.png\nx.png\nnone/y.png');
    await expect(open(list(false))).rejects.toThrow(
      /2 of 3 images are not there, the first is .*set\/x\.png; put them back/,
    );
    put('list.txt', '3.png\na');
    await expect(open(list(false))).rejects.toThrow(/set\/a is a folder, expected a file/);
    put('list.txt', new Uint8Array([0x33, 0xff, 0x0a]));
    await expect(open(list(false))).rejects.toThrow(
      /list\.txt, line 1: .*3\\xff is not there, and the name there is no UTF-8/,
    );
    rmSync(join(data, 'list.txt'));
    await expect(open(list(false))).rejects.toThrow('list.txt is not there');
  });

  test.skipIf(process.getuid?.() === 0)('a file that may not be read', async () => {
    put('list.txt', '3.png');
    chmodSync(join(data, 'set/3.png'), 0);
    await expect(open(list(false))).rejects.toThrow('3.png may not be read');
  });

  test('a damaged image is named when it is read', async () => {
    put('set/3.png', readFileSync(join(images, 'png_rgb')).subarray(0, 500));
    put('set/empty.jpg', '');
    put('list.txt', '3.png\nempty.jpg');
    const source = await open(list(false));
    await expect(source.read(0)).rejects.toThrow(/set\/3\.png is damaged: PNG decoder/);
    await expect(source.read(1)).rejects.toThrow(/set\/empty\.jpg is empty/);
  });
});

describe('manifest', () => {
  const hashOf = async (options: Partial<OpenOptions> = {}) =>
    (await open(FOLDER, options)).manifest.sha256;

  beforeEach(() => {
    for (let i = 0; i < 150; i++) put(`set/${i % 3}/${i}.jpg`, `content ${i}`);
  });

  test('is over the digest of each file and its label, in order', async () => {
    const source = await open(FOLDER);
    const lines = namesOf(source).map((name, i) => {
      const digest = sha256(readFileSync(join(data, 'set', name)));
      return `${digest} ${source.labels?.[i]}\n`;
    });
    expect(source.manifest.sha256).toBe(sha256(lines.join('')));
    expect(source.manifest.count).toBe(150);
  });

  test('a second opening reads no file', async () => {
    const hashed: number[] = [];
    const onProgress = (_: number, total: number) => hashed.push(total);
    const one = await hashOf({ onProgress });
    expect(hashed.at(-1)).toBe(150);
    hashed.length = 0;
    expect(await hashOf({ onProgress })).toBe(one);
    expect(hashed).toEqual([]);
    put('set/0/new.jpg', 'new');
    expect(await hashOf({ onProgress })).not.toBe(one);
    expect(hashed).toEqual([1]);
  });

  test('a list shares what a folder has hashed', async () => {
    await hashOf();
    put('list.txt', '1/1.jpg\n2/2.jpg');
    const hashed: number[] = [];
    await open(list(false), { onProgress: (_, total) => hashed.push(total) });
    expect(hashed).toEqual([]);
  });

  test('a changed byte, a removed file and a renamed class are noticed', async () => {
    const hashes = [await hashOf()];
    put('set/1/1.jpg', 'Content 1');
    utimesSync(join(data, 'set/1/1.jpg'), LONG_AGO, new Date('2021-01-01T00:00:00Z'));
    hashes.push(await hashOf());
    rmSync(join(data, 'set/2/2.jpg'));
    hashes.push(await hashOf());
    expect(new Set(hashes).size).toBe(3);
  });

  test('a change that hides behind size and time is noticed by verify', async () => {
    const one = await hashOf();
    put('set/1/1.jpg', 'Content 1');
    expect(await hashOf()).toBe(one);
    await expect(hashOf({ verify: true })).rejects.toThrow(
      /set: the content of 1\/1\.jpg changed while size and time of change did not/,
    );
    utimesSync(join(data, 'set/1/1.jpg'), LONG_AGO, new Date('2021-01-01T00:00:00Z'));
    expect(await hashOf({ verify: true })).not.toBe(one);
  });

  test('a file changed just before it was hashed is hashed again', async () => {
    const path = join(data, 'set/1/1.jpg');
    writeFileSync(path, 'fresh 1');
    const { mtime } = statSync(path);
    const one = await hashOf();
    writeFileSync(path, 'Fresh 1');
    utimesSync(path, mtime, mtime);
    expect(await hashOf()).not.toBe(one);
  });

  test('a damaged cache is hashed over', async () => {
    const one = await hashOf();
    const cache = join(home, 'cache/reprise/digests');
    const [file] = readdirSync(cache);
    for (const content of ['', 'reprise digests 1\n', 'x'.repeat(5000)]) {
      writeFileSync(join(cache, file ?? ''), content);
      expect(await hashOf()).toBe(one);
    }
  });

  test('where no cache can be written, all works without', async () => {
    writeFileSync(join(home, 'file'), '');
    const one = await hashOf();
    process.env.XDG_CACHE_HOME = join(home, 'file');
    expect(await hashOf()).toBe(one);
  });

  test('a manifest given is taken, unless the files are others', async () => {
    const { manifest } = await open(FOLDER);
    rmSync(join(home, 'cache'), { recursive: true });
    const onProgress = () => expect.fail('hashed again');
    expect((await open(FOLDER, { manifest, onProgress })).manifest).toBe(manifest);
    rmSync(join(data, 'set/1/1.jpg'));
    await expect(open(FOLDER, { manifest })).rejects.toThrow(/has 149 images, 150 a moment ago/);
  });
});

test('threads open a source by its spec and decode at the same time', async () => {
  for (let i = 0; i < 8; i++) putImage(`set/a/${i}.jpg`, i % 2 ? 'jpeg420' : 'png_palette');
  const { manifest } = await open(FOLDER);
  const url = new URL('./open_source.ts', import.meta.url).href;
  const tsx = pathToFileURL(
    join(
      dirname(createRequire(import.meta.url).resolve('tsx/package.json')),
      'dist/esm/api/index.mjs',
    ),
  ).href;
  const code = `
    import { parentPort, workerData } from 'node:worker_threads';
    import { register } from ${JSON.stringify(tsx)};
    register();
    const { openSource } = await import(${JSON.stringify(url)});
    const source = await openSource(workerData.spec, workerData.options);
    for (let i = 0; i < source.count; i++) parentPort.postMessage((await source.read(i)).pixels.slice());
  `;
  const script = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
  const run = () =>
    new Promise<Uint8Array[]>((resolve, reject) => {
      const workerData = { spec: FOLDER, options: { data, manifest } };
      const pictures: Uint8Array[] = [];
      new Worker(script, { workerData })
        .on('message', (pixels: Uint8Array) => pictures.push(pixels))
        .on('error', reject)
        .on('exit', () => resolve(pictures));
    });
  const results = await Promise.all([run(), run(), run()]);
  for (const pictures of results) {
    expect(pictures).toHaveLength(8);
    for (const [i, pixels] of pictures.entries()) {
      const fixture = i % 2 ? 'jpeg420' : 'png_palette';
      expect(Buffer.compare(pixels, readFileSync(join(images, `${fixture}.rgb`)))).toBe(0);
    }
  }
});

const shared = sharedPath('data');
describe.skipIf(shared === undefined)('real images', () => {
  const real = { data: shared ?? '' };

  test('photos: 1000 in 10 classes, 17 of them grey', async () => {
    const source = await openSource({ kind: 'folder', root: 'photos/train' }, real);
    expect([source.count, source.classes?.length]).toEqual([1000, 10]);
    expect(source.classes?.[0]).toBe('n01440764');
    let grey = 0;
    for (let i = 0; i < source.count; i++) {
      const { width, height, pixels } = await source.read(i);
      expect([width, height]).toEqual([224, 224]);
      if ((await sharp(source.describe(i)).metadata()).channels !== 1) continue;
      expect(isGrey(pixels)).toBe(true);
      grey++;
    }
    expect(grey).toBe(17);
  });

  test('VOC by a list', async () => {
    mkdirSync(data, { recursive: true });
    const set = join(shared ?? '', 'VOCdevkit/VOC2007/ImageSets/Main/trainval.txt');
    const ids = readFileSync(set, 'utf8').trim().split(/\s+/);
    put('voc.txt', ids.map((id) => `${id}.jpg`).join('\n'));
    const root = join(shared ?? '', 'VOCdevkit/VOC2007/JPEGImages');
    const spec: SourceSpec = { kind: 'list', root, file: 'voc.txt', labelled: false };
    const source = await open(spec);
    expect(source.count).toBe(64);
    for (let i = 0; i < source.count; i++) {
      const { width, height, pixels } = await source.read(i);
      expect(Math.max(width, height)).toBeLessThanOrEqual(500);
      expect(pixels.length).toBe(width * height * 3);
    }
  });
});

function isGrey(pixels: Uint8Array): boolean {
  for (let i = 0; i < pixels.length; i += 3)
    if (pixels[i] !== pixels[i + 1] || pixels[i] !== pixels[i + 2]) return false;
  return true;
}
