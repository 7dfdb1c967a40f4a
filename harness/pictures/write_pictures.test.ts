import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { image } from '../data/images/image.ts';
import { startEngine } from '../engine/index.ts';
import type { LayerFeatures } from '../features/layers.ts';
import { stream } from '../random/stream.ts';
import { precisionBars } from './class_values.ts';
import { colouredClasses, featureMapSvg } from './feature_map.ts';
import { rowsAt, sampled } from './gather.ts';
import type { Labelled } from './labelled.ts';
import { neighbourSheet, sameClass, shownImages } from './neighbour_sheet.ts';
import { type PicturedSet, writePictures } from './write_pictures.ts';

let folder = '';
beforeAll(async () => {
  await startEngine();
  folder = mkdtempSync(join(tmpdir(), 'pictures-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function featuresOf(values: Float32Array, width: number): LayerFeatures {
  return {
    count: values.length / width,
    width,
    sha256: 'x',
    rows: async (first, count) => {
      expect(first + count).toBeLessThanOrEqual(values.length / width);
      return values.slice(first * width, (first + count) * width);
    },
  };
}

describe('rows that are gathered', () => {
  it('are those of the places, in their order, across pieces', async () => {
    const count = 10_000;
    const features = featuresOf(
      Float32Array.from({ length: 2 * count }, (_, i) => i),
      2,
    );
    const places = fc.array(fc.integer({ min: 0, max: count - 1 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(places, async (list) => {
        const rows = await rowsAt(features, Int32Array.from(list));
        expect([...rows]).toEqual(list.flatMap((i) => [2 * i, 2 * i + 1]));
      }),
      { numRuns: 50 },
    );
  });

  it('are drawn from the seed without repeats, ascending; all where they are few', () => {
    const drawn = sampled(1000, 100, 5, 'map');
    expect(new Set(drawn).size).toBe(100);
    expect([...drawn]).toEqual([...drawn].sort((a, b) => a - b));
    expect(sampled(1000, 100, 5, 'map')).toEqual(drawn);
    expect(sampled(1000, 100, 6, 'map')).not.toEqual(drawn);
    expect([...sampled(4, 100, 5, 'map')]).toEqual([0, 1, 2, 3]);
  });
});

const CLASSES = ['one', 'two', 'three'];

/** Images of one grey a class, and features in a direction of its own for each class. */
function setOf(count: number, seed: number): PicturedSet {
  const draws = stream(seed, 'set');
  const labels = Int32Array.from({ length: count }, (_, i) => (i * 2) % 3);
  const values = Float32Array.from({ length: count * 4 }, (_, at) => {
    const label = labels[Math.floor(at / 4)] ?? 0;
    return (at % 4 === label ? 5 : 0) + draws.normal();
  });
  const read = (index: number) =>
    image(8, 8, new Uint8Array(192).fill(60 * (1 + (labels[index] ?? 0))));
  return {
    count,
    labels,
    marks: undefined,
    classes: CLASSES,
    features: featuresOf(values, 4),
    source: { read },
  };
}

function scoresOf({ labels = new Int32Array() }: PicturedSet): Float32Array {
  return Float32Array.from([...labels].flatMap((label) => CLASSES.map((_, c) => +(c === label))));
}

describe('the pictures of a benchmark', () => {
  const [test, train] = [setOf(30, 1), setOf(60, 2)];
  const options = { title: 'T', seed: 3, test, train, scores: scoresOf(test), threads: 1 };

  it('are written, listed, and the same bytes each time', async () => {
    const [a, b] = [join(folder, 'a'), join(folder, 'b')];
    const listed = await writePictures({ ...options, folder: a });
    const files = ['confusion.svg', 'classes.svg', 'map.svg', 'neighbours.png'];
    expect(listed.map(({ file }) => file)).toEqual(files);
    expect(listed.at(-1)?.note).toContain('in grey: one (0), two (2), three (1); in brackets');
    await writePictures({ ...options, folder: b, threads: 2 });
    expect(readdirSync(a).sort()).toEqual([...files].sort());
    for (const file of files)
      expect(readFileSync(join(a, file)).equals(readFileSync(join(b, file))), file).toBe(true);
    expect(readFileSync(join(a, 'map.svg'), 'utf8')).toContain('>T: features of 30 of 30 images<');
  });

  it('are left out where there is nothing to show', async () => {
    const files = async (changed: object) =>
      (await writePictures({ ...options, ...changed, folder: join(folder, 'c') })).map(
        ({ file }) => file,
      );
    expect(await files({ scores: undefined })).toEqual(['map.svg', 'neighbours.png']);
    expect(await files({ train: undefined })).toEqual(['confusion.svg', 'classes.svg', 'map.svg']);
    const bare = { ...test, features: undefined };
    expect(await files({ test: bare })).toEqual(['confusion.svg', 'classes.svg']);
    expect(await files({ test: bare, scores: undefined })).toEqual([]);
    const tiny = setOf(5, 1);
    expect(await files({ test: tiny, scores: scoresOf(tiny) })).toContain('map.svg');
  });

  it('are bars of average precisions where images have several classes', async () => {
    const marks = Int8Array.from([1, 0, -1, 0, 1, 0, 1, 1, 1, 0, 0, 1]);
    const set = { ...setOf(4, 1), labels: undefined, marks };
    const scores = Float32Array.of(3, 4, 9, 2, 3, 0, 1, 2, 1, 0, 1, 2);
    const into = { ...options, test: set, train: undefined, scores, folder: join(folder, 'm') };
    const listed = await writePictures({ ...into, stem: 'feat5_' });
    expect(listed.map(({ file }) => file)).toEqual(['feat5_classes.svg', 'feat5_map.svg']);
    // Ranks of present images: one 1 and 3, two 2 and 3 (precision 2/3 from the right), three 1 and 2.
    expect([...precisionBars(marks, scores, 4).values]).toEqual([
      expect.closeTo(100 * (0.5 + 0.5 * (2 / 3)), 9),
      expect.closeTo(100 * (2 / 3), 9),
      100,
    ]);
    expect(Array.from(precisionBars(marks, scores, 4).counts)).toEqual([2, 2, 2]);
  });

  it('stop when told, leaving no part of a file', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    const run = writePictures({ ...options, signal, folder: join(folder, 'd') });
    await expect(run).rejects.toThrow('enough');
    expect(() => readdirSync(join(folder, 'd'))).toThrow('ENOENT');
  });

  it('has nearest images of the own class in green frames, others in red', async () => {
    await writePictures({ ...options, folder: join(folder, 'e') });
    const { data, info } = await sharp(join(folder, 'e', 'neighbours.png'))
      .raw()
      .toBuffer({ resolveWithObject: true });
    const at = (x: number, y: number) => [
      ...data.subarray((y * info.width + x) * 3).subarray(0, 3),
    ];
    expect(at(0, 0)).toEqual([255, 255, 255]);
    expect(at(7, 7)).toEqual([90, 90, 90]);
    expect(at(50, 50)).toEqual([60, 60, 60]); // the image of class one
    const second = 6 + 108 + 18; // left edge of the first neighbour
    expect(at(second + 1, 50)).toEqual([44, 160, 44]);
    expect(at(second + 50, 50)).toEqual([60, 60, 60]);
  });
});

describe('a sheet of neighbours', () => {
  const several: Labelled = {
    count: 4,
    labels: undefined,
    marks: Int8Array.from([1, 1, 0, -1, 0, 1, 0, 0, 0, 1, 0, -1]),
    classes: CLASSES,
  };

  it('shows the first image of each class, those at even distances of many', () => {
    expect(shownImages(setOf(30, 1), 12)).toEqual([0, 2, 1]);
    expect(shownImages(several, 12)).toEqual([0, 1]); // image 0 is the first of two classes
    const many: Labelled = {
      ...several,
      count: 100,
      marks: undefined,
      labels: Int32Array.from({ length: 100 }, (_, i) => i),
      classes: Array.from({ length: 100 }, String),
    };
    expect(shownImages(many, 4)).toEqual([0, 25, 50, 75]);
  });

  it('takes images with one class in common for of the same class; difficult does not count', () => {
    expect(sameClass(several, 0, several, 3)).toBe(true);
    expect(sameClass(several, 1, several, 0)).toBe(false);
    expect(sameClass(several, 2, several, 2)).toBe(false);
  });

  it('has a red frame round an image of another class', () => {
    const one = image(4, 2);
    const sheet = neighbourSheet([{ image: one, near: [{ image: one, same: false }] }]);
    const second = 6 + 108 + 18;
    const at = (x: number, y: number) => [
      ...sheet.pixels.subarray((y * sheet.width + x) * 3).subarray(0, 3),
    ];
    expect(at(second + 1, 50)).toEqual([214, 39, 40]);
    expect(at(second + 50, 57)).toEqual([0, 0, 0]);
    expect(at(second + 50, 20)).toEqual([255, 255, 255]); // above an image twice as wide as high
  });
});

describe('a map of features', () => {
  it('colours 20 of many classes, and greys the rest and images of several', async () => {
    expect(colouredClasses(3)).toEqual([0, 1, 2]);
    expect(colouredClasses(40)).toEqual(Array.from({ length: 20 }, (_, i) => 2 * i));
    const set: Labelled = {
      count: 3,
      labels: undefined,
      marks: Int8Array.from([1, 1, 0, 0, 0, 1, 0, 0, 0]),
      classes: CLASSES,
    };
    const points = Float64Array.of(0, 0, 1, 1, 2, 3);
    const map = {
      indices: Int32Array.of(0, 1, 2),
      plane: { points, shares: [0.5, 0.25] as const },
      neighbours: undefined,
    };
    const svg = await featureMapSvg(map, set, 'x');
    expect(svg).toContain('>principal components: 50.0 % and 25.0 % of the variance</text>');
    for (const name of [...CLASSES, 'several classes', 'other classes'])
      expect(svg).toContain(`>${name}</text>`);
    expect(svg).not.toContain('UMAP');
    expect(svg.match(/fill="#d0d0d0"/g)).toHaveLength(4); // two points, two legend entries
  });
});
