import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rleOf, rleOfBitmap } from '../../metrics/rle.ts';
import { Canvas } from '../images/canvas.ts';
import { resample } from '../images/resample.ts';
import { batchesOf } from './batches.ts';
import { changedBox, changedPolygon, sizeFor, targetsOf } from './change_objects.ts';
import { drawChange, PictureDraws } from './draw_change.ts';
import { changedPicture, paddedPictures } from './picture.ts';

const size = fc.record({
  width: fc.integer({ min: 1, max: 900 }),
  height: fc.integer({ min: 1, max: 900 }),
});

test('the short side is as asked unless the long one would pass its limit (fast-check)', () => {
  fc.assert(
    fc.property(size, fc.integer({ min: 20, max: 800 }), (from, short) => {
      const { toWidth, toHeight } = sizeFor(from, short, 1000);
      const exact = Math.min(
        short / Math.min(from.width, from.height),
        1000 / Math.max(from.width, from.height),
      );
      expect(Math.abs(toWidth - exact * from.width)).toBeLessThanOrEqual(0.5 + 1e-9);
      expect(Math.abs(toHeight - exact * from.height)).toBeLessThanOrEqual(0.5 + 1e-9);
    }),
    { seed: 1, numRuns: 300 },
  );
});

test('boxes and outlines go with the pixels, flipped twice they are as before (fast-check)', () => {
  fc.assert(
    fc.property(size, size, (from, to) => {
      const change = { ...from, toWidth: to.width, toHeight: to.height, flip: true };
      const [x1, y1, x2, y2] = [0.25 * from.width, 0, 0.5 * from.width, from.height];
      const box = changedBox([x1, y1, x2, y2], change);
      const points = changedPolygon(Float64Array.of(x1, y1, x2, y2), change);
      expect(box[0]).toBeCloseTo(0.5 * to.width, 9);
      expect(box[2]).toBeCloseTo(0.75 * to.width, 9);
      expect([points[2], points[1], points[0], points[3]]).toEqual([...box]);
      const back = {
        width: to.width,
        height: to.height,
        toWidth: from.width,
        toHeight: from.height,
        flip: true,
      };
      const again = changedBox(box, back);
      for (const [i, value] of [x1, y1, x2, y2].entries()) expect(again[i]).toBeCloseTo(value, 9);
    }),
    { seed: 1, numRuns: 100 },
  );
});

test('crowds and what has no side left are not trained on; boxes are clipped, outlines are not', () => {
  const change = { width: 10, height: 10, toWidth: 20, toHeight: 10, flip: false };
  const one = { class: 3, area: 1, crowd: false, difficult: true };
  const outline = Float64Array.of(-1, 0, 5, 0, 5, 5);
  const targets = targetsOf(
    [
      { ...one, box: [-1, 0, 5, 11], polygons: [outline] },
      { ...one, box: [0, 0, 5, 5], crowd: true },
      { ...one, box: [10.5, 0, 11, 5] },
      { ...one, box: [1, 2, 1.000004, 5] },
      { ...one, box: [1, 2, 1.00001, 5] },
    ],
    change,
  );
  expect(targets.map(({ box }) => box)).toEqual([
    [0, 0, 10, 10],
    [2, 2, 2.00002, 5],
  ]);
  expect([...(targets[0]?.polygons[0] ?? [])]).toEqual([-2, 0, 10, 0, 10, 5]);
});

test('of an object with a mask in place of polygons the outline is trained on, moved as the picture is', () => {
  const change = { width: 4, height: 3, toWidth: 8, toHeight: 9, flip: true };
  const one = { class: 0, area: 3, crowd: false, difficult: false };
  const mask = rleOfBitmap(3, 4, [1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
  const empty = rleOf(3, 4, [12]);
  const targets = targetsOf(
    [
      { ...one, box: [0, 0, 2, 2], mask },
      { ...one, box: [0, 0, 2, 2], mask: empty },
    ],
    change,
  );
  const corners = [0, 0, 2, 0, 2, 1, 1, 1, 1, 2, 0, 2];
  const moved = corners.map((at, i) => (i % 2 === 0 ? 8 - 2 * at : 3 * at));
  expect(targets.map(({ polygons }) => polygons.map((points) => [...points]))).toEqual([
    [moved],
    [],
  ]);
});

test('every short side is drawn, half the pictures are flipped, the same place gives the same', () => {
  const draws = PictureDraws.parse({ shortEdges: [480, 512, 544] });
  const from = { width: 500, height: 375 };
  const all = Array.from({ length: 600 }, (_, place) => drawChange(draws, from, 7, place));
  for (const short of draws.shortEdges) {
    const share = all.filter(({ toHeight }) => toHeight === short).length / all.length;
    expect(Math.abs(share - 1 / 3)).toBeLessThan(0.07);
  }
  expect(Math.abs(all.filter(({ flip }) => flip).length / all.length - 0.5)).toBeLessThan(0.07);
  expect(drawChange(draws, from, 7, 11)).toEqual(all[11]);
});

test('pixels are those of the plain resampling, then mirrored', () => {
  const pixels = Uint8Array.from({ length: 31 * 23 * 3 }, (_, i) => (i * 89) % 256);
  const picture = { width: 31, height: 23, pixels };
  const sides = { toWidth: 40, toHeight: 17 };
  const plain = resample(picture, { left: 0, top: 0, width: 31, height: 23 }, 40, 17, 'bilinear');
  const change = { width: 31, height: 23, ...sides, flip: false };
  const made = changedPicture(new Canvas(), picture, change);
  expect(made.pixels).toEqual(plain.pixels);
  const mirrored = changedPicture(new Canvas(), picture, { ...change, flip: true });
  for (let y = 0; y < 17; y++)
    for (let x = 0; x < 40; x++)
      expect(mirrored.pixels[3 * (40 * y + x)]).toBe(plain.pixels[3 * (40 * y + 39 - x)]);
  const same = { width: 31, height: 23, toWidth: 31, toHeight: 23, flip: false };
  expect(changedPicture(new Canvas(), picture, same).pixels).toEqual(pixels);
});

test('a batch is padded to its own largest sides, after the scaling', () => {
  const scale = { mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] } as const;
  const one = { width: 2, height: 1, pixels: Uint8Array.of(0, 1, 2, 253, 254, 255) };
  const two = { width: 1, height: 3, pixels: Uint8Array.of(9, 9, 9, 8, 8, 8, 7, 7, 7) };
  const { pixels, height, width } = paddedPictures([one, two], scale);
  expect([height, width, pixels.length]).toEqual([3, 2, 36]);
  const scaled = (x: number, c: 0 | 1 | 2) =>
    Math.fround(Math.fround(x - Math.fround(scale.mean[c])) / Math.fround(scale.std[c]));
  expect([...pixels.subarray(0, 6)]).toEqual([
    ...[scaled(0, 0), scaled(1, 1), scaled(2, 2)],
    ...[scaled(253, 0), scaled(254, 1), scaled(255, 2)],
  ]);
  expect([...pixels.subarray(6, 18)]).toEqual(Array(12).fill(0));
  expect([...pixels.subarray(21, 24)]).toEqual([0, 0, 0]);
  expect(pixels[24]).toBe(scaled(8, 0));
  expect(paddedPictures([one], scale, { height: 4, width: 5 }).pixels.length).toBe(60);
});

const pictures = Int32Array.of(3, 5, 7, 11, 13, 17, 19);
const isWide = (index: number) => index % 3 === 1;

/** The batches of a replica from the definition, in one list after another. */
function slowly(replica: number, replicas: number, batch: number, count: number) {
  const setup = { seed: 5, batch: 1, replicas: 1 };
  const order: number[] = [];
  const single = batchesOf(pictures, () => true, setup, 0);
  while (order.length < 400) order.push(...single.next().value.indices);
  const own = order
    .map((index, place) => ({ index, place }))
    .filter(({ place }) => place % replicas === replica);
  const buckets = [true, false].map((wide) => own.filter(({ index }) => isWide(index) === wide));
  const full = buckets.flatMap((bucket) =>
    Array.from({ length: Math.floor(bucket.length / batch) }, (_, i) =>
      bucket.slice(i * batch, (i + 1) * batch),
    ),
  );
  return full.sort((a, b) => (a.at(-1)?.place ?? 0) - (b.at(-1)?.place ?? 0)).slice(0, count);
}

test.each([
  [1, 2],
  [2, 3],
  [3, 1],
])(
  '%i replicas share one order of permutations in batches of %i, from any step on',
  (replicas, batch) => {
    const setup = { seed: 5, batch, replicas };
    for (let replica = 0; replica < replicas; replica++) {
      const batches = batchesOf(pictures, isWide, setup, replica);
      const found = Array.from({ length: 20 }, () => batches.next().value);
      const expected = slowly(replica, replicas, batch, 20);
      expect(found.map(({ indices }) => [...indices])).toEqual(
        expected.map((one) => one.map(({ index }) => index)),
      );
      expect(found.map(({ places }) => [...places])).toEqual(
        expected.map((one) => one.map(({ place }) => place)),
      );
      expect(batchesOf(pictures, isWide, setup, replica, 13).next().value).toEqual(found[13]);
    }
  },
);

test('each permutation has every picture once', () => {
  const single = batchesOf(pictures, () => true, { seed: 1, batch: 7, replicas: 1 }, 0);
  const rounds = [single.next().value, single.next().value].map(({ indices }) => [...indices]);
  for (const round of rounds) expect([...round].sort((a, b) => a - b)).toEqual([...pictures]);
  expect(rounds[0]).not.toEqual(rounds[1]);
});
