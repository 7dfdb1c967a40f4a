import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openImageSet, openKnownImages } from '../../evaluation/image_set.ts';
import { sharedPath } from '../../testing/shared.ts';
import { sameClasses } from '../classes.ts';
import { bothSides, countMarks } from '../marks.ts';
import { openSource } from '../open_source.ts';
import type { Source } from '../source.ts';
import { sourceWarnings } from '../source_warnings.ts';
import { type SourceSpec, sourceSpec, viewSpec } from '../spec.ts';
import { countLabels } from './check.ts';

const pictures = fileURLToPath(new URL('../../../golden/data/images', import.meta.url));
const MAIN = 'VOCdevkit/VOC2007/ImageSets/Main';

let data = '';
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'reprise-voc-'));
  mkdirSync(join(data, MAIN), { recursive: true });
  mkdirSync(join(data, 'VOCdevkit/VOC2007/JPEGImages'));
  for (const id of ['000003', '000001', '000002']) picture(id);
  list('trainval', '000001\n000002\n000003\n');
  list('dog_trainval', '000001 -1\n000002  0\n000003  1\n');
  list('cat_trainval', '000003  1\r\n000001  1\r\n');
});
afterEach(() => rmSync(data, { recursive: true, force: true }));

function picture(id: string): void {
  cpSync(join(pictures, 'jpeg420'), join(data, `VOCdevkit/VOC2007/JPEGImages/${id}.jpg`));
}

function list(name: string, text: string): void {
  writeFileSync(join(data, MAIN, `${name}.txt`), text);
}

const voc = (more = {}) => sourceSpec.parse({ kind: 'voc', ...more });
const open = (spec: SourceSpec = voc(), options = {}) => openSource(spec, { data, ...options });
const marksOf = ({ marks }: Source) => [...(marks ?? [])];

describe('VOC', () => {
  test('1 is present, -1 absent, 0 difficult, and an image left out difficult', async () => {
    const source = await open();
    expect(source.classes).toEqual(['cat', 'dog']);
    expect(source.labels).toBeUndefined();
    expect(marksOf(source)).toEqual([1, 0, -1, -1, 1, 1]);
    expect([0, 1, 2].map((i) => source.describe(i).slice(-10))).toEqual([
      '000001.jpg',
      '000002.jpg',
      '000003.jpg',
    ]);
    expect(source.where?.(2)).toMatch(/trainval\.txt, line 3$/);
    expect((await source.read(0)).width).toBeGreaterThan(0);
    expect(countLabels(source)).toEqual([2, 1]);
  });

  test('images are in the order of their ids, whatever that of the lists', async () => {
    const before = await open();
    list('trainval', '000003\n000001\n000002\n');
    list('dog_trainval', '000003 1\n000002 0\n000001 -1\n');
    const after = await open();
    expect(marksOf(after)).toEqual(marksOf(before));
    expect(after.manifest.sha256).toBe(before.manifest.sha256);
  });

  test('without the list of the split its images are those that a class names', async () => {
    rmSync(join(data, MAIN, 'trainval.txt'));
    const source = await open();
    expect(marksOf(source)).toEqual([1, 0, -1, -1, 1, 1]);
    expect(source.where?.(0)).toMatch(/cat_trainval\.txt, line 2$/);
  });

  test('a class may be called train', async () => {
    list('train_trainval', '000002 1\n');
    list('train', '000002\n');
    list('train_train', '000002 1\n');
    expect((await open()).classes).toEqual(['cat', 'dog', 'train']);
    expect((await open(voc({ split: 'train' }))).classes).toEqual(['train']);
  });

  test('each mark counts in the hash, and files of the same digests give it again', async () => {
    const before = await open();
    const { files, manifest } = before;
    expect(files?.manifestOf(files.digests)).toBe(manifest.sha256);
    list('dog_trainval', '000001 -1\n000002 -1\n000003  1\n');
    expect((await open()).manifest.sha256).not.toBe(manifest.sha256);
  });

  test('threads need neither lists nor marks', async () => {
    const { manifest, share } = await open();
    const shared = share?.();
    rmSync(join(data, MAIN), { recursive: true });
    const again = await open(voc(), { manifest, shared });
    expect(again.count).toBe(3);
    expect((await again.read(2)).width).toBeGreaterThan(0);
  });

  test.each([
    [
      'an id twice',
      'dog_trainval',
      '000002 1\n',
      /dog_trainval\.txt, line 4: "000002" is also on line 2/,
    ],
    [
      'an id twice in the list',
      'trainval',
      '000001\n',
      /Main\/trainval\.txt, line 4: .*also on line 1/,
    ],
    [
      'an unknown id',
      'cat_trainval',
      '000009 1\n',
      /cat_trainval\.txt, line 3: "000009" is not in .*\/trainval\.txt/,
    ],
    [
      'a missing image',
      'trainval',
      '000004\n',
      /trainval\.txt, line 4: .*JPEGImages\/000004\.jpg is not there/,
    ],
    [
      'another label',
      'dog_trainval',
      '000004 2\n',
      /dog_trainval\.txt, line 4: label "2", expected 1/,
    ],
    ['no label', 'dog_trainval', '000004\n', /line 4: "000004", expected "ID LABEL"/],
    ['two labels', 'dog_trainval', '000004 1 1\n', /line 4: "000004 1 1", expected "ID LABEL"/],
    [
      'a path for an id',
      'trainval',
      '../1\n',
      /trainval\.txt, line 4: "\.\.\/1", expected an image's id/,
    ],
    ['an empty line', 'dog_trainval', '\n000004 1\n', /line 4: "", expected "ID LABEL"/],
  ])('%s is an error with file and line', async (_, name, text, message) => {
    appendFileSync(join(data, MAIN, `${name}.txt`), text);
    await expect(open()).rejects.toThrow(message);
  });

  test('what is not there is named', async () => {
    await expect(open(voc({ split: 'test' }))).rejects.toThrow(/no files CLASS_test\.txt; unpack/);
    await expect(open(voc({ year: 2012 }))).rejects.toThrow(
      /VOC2012\/ImageSets\/Main is not there, expected ROOT\/VOC2007\/ImageSets\/Main/,
    );
  });

  test('a class without an image is a warning, and an error where each needs one', async () => {
    list('emu_trainval', '000001 -1\n000002 -1\n000003 -1\n');
    const source = await open();
    expect(sourceWarnings('data.test', source)).toEqual([
      'data.test: no image has "emu"',
      'data.test: no image is without "cat"',
    ]);
    expect(() => bothSides({ path: 'data.test', source })).toThrow(
      /^data\.test: no image has "emu", and each class needs images with it and without it/,
    );
  });
});

describe('marks', () => {
  const set = (spec: SourceSpec) => ({
    spec,
    data,
    pipeline: viewSpec.parse([{ kind: 'resize', size: 16 }, { kind: 'centerCrop' }]),
    size: 16,
    batch: 2,
  });

  test('are carried by a set of images; where one label is needed they are refused', async () => {
    const known = await openKnownImages(set(voc()), 'data.train');
    expect([...(known.marks ?? [])]).toEqual([1, 0, -1, -1, 1, 1]);
    expect(known.labels).toBeUndefined();
    await expect(openImageSet(set(voc()), 'evaluation.test')).rejects.toThrow(
      /^evaluation\.test: its 3 images may have several classes each, expected one label/,
    );
  });

  test('of parts are those of a concat and of a repeat', async () => {
    const parts = [voc(), { kind: 'repeat', source: voc(), times: 2 } as const];
    const source = await open({ kind: 'concat', sources: parts });
    const one = [1, 0, -1, -1, 1, 1];
    expect(marksOf(source)).toEqual([...one, ...one, ...one]);
    expect(source.classes).toEqual(['cat', 'dog']);
  });

  test('and labels are not joined, nor compared', async () => {
    const labelled = sourceSpec.parse({ kind: 'generated', count: 4 });
    const joined = await open({ kind: 'concat', sources: [labelled, voc()] });
    expect(joined.labels ?? joined.marks).toBeUndefined();
    expect(joined.unlabelled).toMatch(
      /^sources\[1\] and sources\[0\] cannot be compared: sources\[1\] says of each class whether/,
    );
    const [a, b] = [await open(), await open(voc({ split: 'trainval' }))];
    expect(sameClasses({ path: 'a', source: a }, { path: 'b', source: b })).toEqual(['cat', 'dog']);
  });
});

describe('drawn pictures of several patterns', () => {
  const several = (more = {}) =>
    sourceSpec.parse({ kind: 'generated', count: 400, labels: 'several', ...more });

  test('pinned marks and pixels: the same on every machine and Node version', async () => {
    const { manifest } = await open(several());
    expect(manifest.sha256).toMatchInlineSnapshot(
      `"a875f372365c8a9e02df75741a9fbbd3668c0a533248948907d29a5aba1aeb47"`,
    );
    const small = await open(several({ count: 6, classes: 4, seed: 3 }));
    expect(marksOf(small)).toMatchInlineSnapshot(`
      [
        1,
        0,
        0,
        0,
        1,
        1,
        0,
        0,
        0,
        0,
        1,
        0,
        0,
        0,
        0,
        1,
        1,
        0,
        0,
        1,
        0,
        1,
        0,
        0,
      ]
    `);
  });

  test('each class has enough examples and counterexamples, and some difficult ones', async () => {
    const { marks = new Int8Array(), classes = [] } = await open(several());
    expect(classes).toHaveLength(10);
    const counts = countMarks(marks, 10);
    for (const { present, absent, difficult } of counts) {
      expect(present).toBeGreaterThanOrEqual(40);
      expect(absent).toBeGreaterThan(250);
      expect(difficult).toBeGreaterThan(0);
      expect(present + absent + difficult).toBe(400);
    }
    const perImage = Array.from(
      { length: 400 },
      (_, i) => marks.subarray(i * 10, i * 10 + 10).filter((mark) => mark === 1).length,
    );
    expect(new Set(perImage).size).toBeGreaterThan(2);
  });

  test('an image depends on seed, split, index and size alone; others are other images', async () => {
    const [all, few] = [await open(several()), await open(several({ count: 20 }))];
    expect(await few.read(17)).toEqual(await all.read(17));
    expect(marksOf(few)).toEqual(marksOf(all).slice(0, 200));
    const other = await open(several({ seed: 1 }));
    expect((await other.read(17)).pixels).not.toEqual((await all.read(17)).pixels);
    for (const size of [32, 33]) {
      const { width, height } = await (await open(several({ count: 1, size }))).read(0);
      expect([width, height]).toEqual([size, size]);
    }
  });
});

const devkit = sharedPath('data', 'VOCdevkit');
describe.skipIf(devkit === undefined)('the VOC subset', () => {
  test.each(['trainval', 'test'] as const)(
    '%s has the labels that the boxes of its annotations give, read independently',
    async (split) => {
      const root = devkit ?? '';
      const source = await open(voc({ split }), { data: join(root, '..') });
      expect(source.count).toBe(split === 'test' ? 36 : 64);
      expect(source.classes).toHaveLength(20);
      const expected = annotated(join(root, 'VOC2007'), split, source.classes ?? []);
      expect(marksOf(source)).toEqual(expected);
    },
  );
});

/** Marks from the XML files: a class with a box that is not difficult is there. */
function annotated(root: string, split: string, classes: readonly string[]): number[] {
  const inSplit = new Set(
    readFileSync(join(root, `ImageSets/Main/${split}.txt`), 'utf8')
      .trim()
      .split('\n'),
  );
  const ids = readdirSync(join(root, 'Annotations'))
    .map((name) => name.replace('.xml', ''))
    .filter((id) => inSplit.has(id))
    .sort();
  return ids.flatMap((id) => {
    const xml = readFileSync(join(root, `Annotations/${id}.xml`), 'utf8');
    const objects = xml
      .split('<object>')
      .slice(1)
      .map((part) => ({
        name: /<name>(.*?)<\/name>/.exec(part)?.[1],
        difficult: /<difficult>1<\/difficult>/.test(part),
      }));
    return classes.map((name) => {
      const own = objects.filter((one) => one.name === name);
      return own.length === 0 ? 0 : own.every(({ difficult }) => difficult) ? -1 : 1;
    });
  });
}
