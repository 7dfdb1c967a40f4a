import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { knownCount } from '../known_sizes.ts';
import { countsByLabel } from '../label_counts.ts';
import { Loader, type LoaderSetup } from '../loader/loader.ts';
import { openSource } from '../open_source.ts';
import type { Source } from '../source.ts';
import { type SourceSpec, sourceSpec } from '../spec.ts';
import { drawBalanced, percentOf } from './balanced.ts';

const pictures = fileURLToPath(new URL('../../../golden/data/images', import.meta.url));
const FILES = ['png_rgb', 'jpeg420', 'webp_lossless', 'gif', 'png_grey', 'jpeg444'];

let data = '';
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'reprise-subset-'));
});
afterEach(() => rmSync(data, { recursive: true, force: true }));

const names = (source: Source) =>
  Array.from({ length: source.count }, (_, i) => source.describe(i).replace(`${data}/`, ''));
const open = (spec: SourceSpec, options = {}) => openSource(spec, { data, ...options });
const drawn = (count: number, classes = 10) =>
  sourceSpec.parse({ kind: 'generated', count, classes, size: 8 });
const subset = (source: SourceSpec, more: object) =>
  sourceSpec.parse({ kind: 'subset', source, ...more });

/** Two classes named as ImageNet's, three images each. */
function folder(): SourceSpec {
  for (const [label, name] of ['n01440764', 'n01443537'].entries()) {
    mkdirSync(join(data, 'train', name), { recursive: true });
    for (let i = 0; i < 3; i++)
      cpSync(
        join(pictures, FILES[3 * label + i] ?? ''),
        join(data, 'train', name, `${name}_${i}.JPEG`),
      );
  }
  return { kind: 'folder', root: 'train' };
}

describe('a share', () => {
  test("of ImageNet has as many images as SimCLR's lists", () => {
    expect(percentOf(1_281_167, 1)).toBe(12_811);
    expect(percentOf(1_281_167, 10)).toBe(128_116);
    const spec: SourceSpec = {
      kind: 'list',
      root: 'x',
      file: 'imagenet/meta/train.txt',
      labelled: false,
    };
    expect(knownCount(subset(spec, { percent: 1 }), data)?.count).toBe(12_811);
  });

  test('has equally many of each class, some one more where it is no multiple', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 12 }),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(11),
        fc.nat(1000),
        (classes, least, rest, seed) => {
          const total = least * classes + (rest % classes);
          const labels = Int32Array.from(
            { length: classes * 20 },
            (_, i) => (i * 7 + (i >> 3)) % classes,
          );
          fc.pre([...countsByLabel(labels).values()].every((count) => count > least));
          const classNames = Array.from({ length: classes }, String);
          const picked = drawBalanced(labels, classNames, { total }, seed);
          expect(picked).toHaveLength(total);
          expect(new Set(picked).size).toBe(total);
          expect([...picked]).toEqual([...picked].sort((a, b) => a - b));
          const counts = countsByLabel(picked.map((index) => labels[index] ?? -1));
          expect(counts.size).toBe(classes);
          for (const count of counts.values()) expect([least, least + 1]).toContain(count);
        },
      ),
      { seed: 5, numRuns: 100 },
    );
  });

  test('pinned: the same on every machine, another for another seed', async () => {
    const source = await open(subset(drawn(60, 3), { percent: 10 }));
    expect(names(source).map((name) => Number(name.split(' ').at(-1)))).toMatchInlineSnapshot(`
      [
        15,
        32,
        40,
        49,
        50,
        57,
      ]
    `);
    const hashes = [0, 1, 2].map(async (seed) => {
      const one = await open(subset(drawn(60, 3), { percent: 10, seed }));
      return one.manifest.sha256;
    });
    expect(new Set(await Promise.all(hashes)).size).toBe(3);
  });

  test('keeps pictures, labels and classes, and is named for what it is', async () => {
    const whole = await open(drawn(200));
    const source = await open(subset(drawn(200), { perClass: 2, seed: 4 }));
    expect(source.count).toBe(20);
    expect(source.classes).toEqual(whole.classes);
    for (const [place, label] of (source.labels ?? []).entries()) {
      const index = Number(source.describe(place).split(' ').at(-1));
      expect(label).toBe(whole.labels?.[index]);
      expect(await source.read(place)).toEqual(await whole.read(index));
    }
    expect(source.manifest.notes).toEqual([
      "class-balanced subset of 2 of each class, seed 4, not SimCLR's: 20 of 200 images",
    ]);
    expect(() => source.read(20)).toThrow('no sample 20');
  });

  test.each([
    [
      'more than a class has',
      { perClass: 7 },
      /class "stripes" has 6 of the 60 samples, 7 of each/,
    ],
    ['less than one of each', { percent: 10 }, /6 samples for 10 classes, expected at least one/],
  ])('%s is refused', async (_, share, message) => {
    await expect(open(subset(drawn(60), share))).rejects.toThrow(message);
  });

  test('of what has no labels, or several, is refused', async () => {
    const several = sourceSpec.parse({ kind: 'generated', count: 20, labels: 'several' });
    await expect(open(subset(several, { percent: 50 }))).rejects.toThrow(
      /^subset: its images may have several classes each, but/,
    );
    folder();
    writeFileSync(join(data, 'list.txt'), 'train/n01440764/n01440764_0.JPEG\n');
    const list = sourceSpec.parse({ kind: 'list', root: '.', file: 'list.txt' });
    await expect(open(subset(list, { percent: 50 }))).rejects.toThrow(/its source has no labels/);
  });

  test('is one of three ways', () => {
    for (const more of [{}, { percent: 1, perClass: 1 }, { percent: 1, file: 'a' }, { percent: 0 }])
      expect(() => subset(drawn(60), more)).toThrow();
  });
});

describe('a list of names', () => {
  const listed = async (text: string) => {
    const source = folder();
    writeFileSync(join(data, '1percent.txt'), text);
    return open(subset(source, { file: '1percent.txt' }));
  };

  test("as SimCLR's picks images in its order, with the labels of their folders", async () => {
    const source = await listed('n01443537_2.JPEG\nn01440764_0.JPEG\n');
    expect(names(source)).toEqual([
      'train/n01443537/n01443537_2.JPEG',
      'train/n01440764/n01440764_0.JPEG',
    ]);
    expect([...(source.labels ?? [])]).toEqual([1, 0]);
    expect(source.classes).toEqual(['n01440764', 'n01443537']);
    expect(source.manifest.notes).toEqual([]);
    const { files, manifest } = source;
    expect(files?.manifestOf(files.digests)).toBe(manifest.sha256);
    expect(files?.name(0)).toBe('n01443537/n01443537_2.JPEG');
  });

  test('as converted picks the same', async () => {
    const plain = await listed('n01443537_2.JPEG\nn01440764_0.JPEG\n');
    const converted = await listed(
      'n01443537/n01443537_2.JPEG 1\r\nn01440764/n01440764_0.JPEG 0\r\n',
    );
    expect(converted.manifest.sha256).toBe(plain.manifest.sha256);
  });

  test('that leaves classes out keeps their numbers', async () => {
    folder();
    writeFileSync(
      join(data, 'all.txt'),
      [0, 1]
        .flatMap((label) =>
          [0, 1, 2].map((i) => {
            const name = ['n01440764', 'n01443537'][label];
            return `train/${name}/${name}_${i}.JPEG ${label}\n`;
          }),
        )
        .join(''),
    );
    writeFileSync(join(data, '1percent.txt'), 'n01443537_2.JPEG\n');
    const list = sourceSpec.parse({ kind: 'list', root: '.', file: 'all.txt', labelled: true });
    const source = await open(subset(list, { file: '1percent.txt' }));
    expect([...(source.labels ?? [])]).toEqual([1]);
    expect(source.classes).toEqual(['0', '1']);
  });

  test.each([
    [
      'a name that is not there',
      'n01440764_0.JPEG\nn01440764_9.JPEG\n',
      /1percent\.txt, line 2: "n01440764_9.JPEG" is no image of the source/,
    ],
    [
      'a name in another folder',
      'n01443537/n01440764_0.JPEG\n',
      /line 1: .* is no image of the source/,
    ],
    [
      'a name twice',
      'n01440764_0.JPEG\nn01440764/n01440764_0.JPEG 0\n',
      /line 2: .* is also on line 1/,
    ],
    [
      'labels from 1',
      'n01440764_0.JPEG 1\n',
      /line 1: .* has label 1, and 0 in the source; the classes are in another order or numbered from 1/,
    ],
    ['a folder', 'n01440764/\n', /line 1: .* expected the name of an image/],
    ['nothing', '', /has no lines/],
  ])('%s is an error with file and line', async (_, text, message) => {
    await expect(listed(text)).rejects.toThrow(message);
  });

  test('a name of two images is an error that names both', async () => {
    folder();
    mkdirSync(join(data, 'other/n01440764'), { recursive: true });
    cpSync(
      join(data, 'train/n01440764/n01440764_0.JPEG'),
      join(data, 'other/n01440764/n01440764_0.JPEG'),
    );
    writeFileSync(join(data, '1percent.txt'), 'n01440764_0.JPEG\n');
    const both = {
      kind: 'concat' as const,
      sources: [
        { kind: 'folder', root: 'train' },
        { kind: 'folder', root: 'other' },
      ] as const,
    };
    await expect(open(subset(both, { file: '1percent.txt' }))).rejects.toThrow(
      /line 1: "n01440764_0.JPEG" is .*train.* and .*other.*; write the folder/,
    );
  });
});

test.each(['files', 'drawn'])('threads make the same batches of a subset of %s', async (sort) => {
  const source = sort === 'files' ? folder() : drawn(60, 2);
  const spec = subset(source, { perClass: 2, seed: 1 });
  const setup = (workers: number): LoaderSetup => ({
    spec,
    data,
    seed: 3,
    pipelines: [[{ kind: 'resize', size: 8, interpolation: 'bilinear' }, { kind: 'centerCrop' }]],
    size: 8,
    replicas: 1,
    batch: 2,
    dropLast: true,
    replacement: false,
    draws: [],
    labels: true,
    workers,
  });
  const batches: unknown[][] = [];
  for (const workers of [0, 2]) {
    const loader = await Loader.open(setup(workers));
    const made: unknown[] = [];
    for await (const { views, labels } of loader.epoch(0))
      made.push([views.map((v) => [...v]), labels]);
    batches.push(made);
    await loader.dispose();
  }
  expect(batches[0]).toHaveLength(2);
  expect(batches[1]).toEqual(batches[0]);
});
