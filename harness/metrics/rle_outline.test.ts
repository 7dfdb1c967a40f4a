import fc from 'fast-check';
import { expect, test } from 'vitest';
import { areaOf, bitmapOf, type Rle, rleOf, rleOfBitmap } from './rle.ts';
import { outlineOfRle } from './rle_outline.ts';
import { rleOfPolygon } from './rle_polygon.ts';

const refilled = (mask: Rle) => rleOfPolygon(mask.height, mask.width, outlineOfRle(mask));

test('the outline of any mask, holes and corners that touch included, fills the same pixels (fast-check)', () => {
  const side = fc.integer({ min: 1, max: 12 });
  const any = fc.tuple(side, side, fc.integer({ min: 1, max: 9 })).chain(([height, width, share]) =>
    fc
      .array(fc.integer({ min: 0, max: 9 }), {
        minLength: height * width,
        maxLength: height * width,
      })
      .map((values) =>
        rleOfBitmap(
          height,
          width,
          values.map((value) => Number(value < share)),
        ),
      ),
  );
  fc.assert(
    fc.property(any, (mask) => {
      expect([...bitmapOf(refilled(mask))]).toEqual([...bitmapOf(mask)]);
    }),
    { seed: 3, numRuns: 500 },
  );
});

test('a ring has the corners of its outer and its inner side, a box four', () => {
  const box = rleOfBitmap(3, 4, [0, 0, 0, 0, 0, 1, 1, 1, 0, 1, 1, 1]);
  expect([...outlineOfRle(box)]).toEqual([1, 1, 4, 1, 4, 3, 1, 3]);
  const ring = rleOfBitmap(3, 3, [1, 1, 1, 1, 0, 1, 1, 1, 1]);
  expect(outlineOfRle(ring)).toHaveLength(2 * (4 + 1 + 5 + 1));
  expect(areaOf(refilled(ring))).toBe(8);
});

test('a mask of nothing has no outline; runs of no pixels change none', () => {
  expect(outlineOfRle(rleOf(4, 5, [20]))).toHaveLength(0);
  const whole = rleOf(4, 5, [0, 3, 0, 2, 0, 15]);
  expect([...outlineOfRle(whole)]).toEqual([0, 0, 5, 0, 5, 4, 0, 4]);
});
