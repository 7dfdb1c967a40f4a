import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { readSafetensors } from '../weights/safetensors.ts';
import { COCO_STATS, cocoDetection } from './coco_detection.ts';
import { maskOf, maskOverlap, maskTask } from './coco_masks.ts';
import { areaOf, bitmapOf, extentOf, merged, type Rle, rleOf, rleOfBitmap } from './rle.ts';
import { rleOfPolygon, rleOfPolygons } from './rle_polygon.ts';
import { rleOfText, rleText } from './rle_text.ts';

interface Outline {
  readonly height: number;
  readonly width: number;
  readonly polygons: readonly number[][];
  readonly each: readonly string[];
  readonly merged: string;
  readonly common: string;
  readonly area: number;
  readonly extent: readonly number[];
  readonly bits: readonly number[];
  readonly overlaps: readonly (readonly [number, number])[];
}

interface Case {
  readonly name: string;
  readonly annotations: { readonly annotations: readonly object[] };
  readonly detections: readonly object[];
}

const golden = join(fileURLToPath(import.meta.url), '../../../golden/metrics');
const content: { readonly outlines: readonly Outline[]; readonly cases: readonly Case[] } =
  JSON.parse(readFileSync(join(golden, 'mask_cases.json'), 'utf8'));
const { tensors } = readSafetensors(join(golden, 'mask_cases.safetensors'));

const all = (masks: readonly Rle[]) => masks as [Rle, ...Rle[]];

describe('against pycocotools', () => {
  it('has cases', () => expect([content.outlines.length, content.cases.length]).toEqual([60, 12]));

  it.each(content.outlines.map((one, i) => [i, one] as const))(
    'outline %i is filled, merged and measured alike',
    (_, { height, width, polygons, each, overlaps, ...expected }) => {
      const masks = polygons.map((points) => rleOfPolygon(height, width, points));
      expect(masks.map(rleText)).toEqual(each);
      expect(each.map((text) => [...rleOfText(height, width, text).counts])).toEqual(
        masks.map(({ counts }) => [...counts]),
      );
      const whole = rleOfPolygons(height, width, polygons);
      expect(rleText(whole)).toBe(expected.merged);
      expect(rleText(merged(all(masks), true))).toBe(expected.common);
      expect(areaOf(whole)).toBe(expected.area);
      expect(extentOf(whole)).toEqual(expected.extent);
      const bitmap = bitmapOf(whole);
      const bits = expected.bits.flatMap((byte) =>
        [7, 6, 5, 4, 3, 2, 1, 0].map((i) => (byte >> i) & 1),
      );
      expect([...bitmap]).toEqual(bits.slice(0, height * width));
      const found = masks.map((mask) =>
        [whole, masks[0] ?? whole].map((truth, i) =>
          maskOverlap(maskOf(mask), maskOf(truth), i === 1),
        ),
      );
      expect(found).toEqual(overlaps);
    },
  );

  it.each(content.cases)('judges masks alike, case $name', ({ name, annotations, detections }) => {
    const found = cocoDetection(maskTask(annotations, detections));
    const stats = COCO_STATS.map((stat) => found.stats[stat]);
    const apart = (values: ArrayLike<number>, part: string) => {
      const expected = Array.from(tensors.get(`${name}.${part}`)?.data ?? [], Number);
      expect(values.length).toBe(expected.length);
      return Math.max(...expected.map((value, i) => Math.abs((values[i] ?? Number.NaN) - value)));
    };
    expect(apart(stats, 'stats')).toBeLessThan(1e-12);
    expect(apart(found.recall, 'recall')).toBeLessThan(1e-12);
  });
});

const sides = { height: 5, width: 4 };
const bitmap = fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 20, maxLength: 20 });

test('masks are their bitmaps, in letters and back, and merge and overlap as those (fast-check)', () => {
  fc.assert(
    fc.property(bitmap, bitmap, (one, other) => {
      const [a, b] = [one, other].map((bits) => rleOfBitmap(sides.height, sides.width, bits));
      if (a === undefined || b === undefined) throw new Error('no masks');
      expect([...bitmapOf(a)]).toEqual(one);
      expect(rleOfText(sides.height, sides.width, rleText(a))).toEqual(a);
      expect([...bitmapOf(merged([a, b]))]).toEqual(one.map((bit, i) => bit | (other[i] ?? 0)));
      const both = one.map((bit, i) => bit & (other[i] ?? 0));
      expect([...bitmapOf(merged([a, b], true))]).toEqual(both);
      const sum = (bits: readonly number[]) => bits.reduce((total, bit) => total + bit, 0);
      expect(areaOf(a)).toBe(sum(one));
      const union = sum(one) + sum(other) - sum(both);
      expect(maskOverlap(maskOf(a), maskOf(b), false)).toBe(union === 0 ? 0 : sum(both) / union);
      expect(maskOverlap(maskOf(a), maskOf(b), true)).toBe(
        sum(one) === 0 ? 0 : sum(both) / sum(one),
      );
    }),
    { seed: 1, numRuns: 300 },
  );
});

test.each([
  [() => rleOf(2, 2, [1, 2]), 'add up to 3; expected 2 x 2 = 4'],
  [() => rleOf(2, 2, [5, -1]), 'count 1 of a mask is -1'],
  [() => rleOf(0, 2, []), 'a mask of size [0, 2]'],
  [() => rleOfText(2, 2, '4 '), 'break at letter 1'],
  [() => rleOfText(2, 2, 'oooooooooo'), 'break at letter 7'],
  [() => merged([rleOf(2, 2, [4]), rleOf(2, 3, [6])]), 'masks of 2 x 2 and 2 x 3'],
  [
    () =>
      maskTask(
        { images: [{ id: 1, height: 2, width: 2 }], categories: [{ id: 1 }], annotations: [] },
        [{ image_id: 1, category_id: 1, score: 1, segmentation: { size: [3, 2], counts: '6' } }],
      ),
    'detection 0: a mask of size [3,2] on an image of 2 x 2',
  ],
])('what is no mask is refused', (make, message) => {
  expect(make).toThrow(message);
});
