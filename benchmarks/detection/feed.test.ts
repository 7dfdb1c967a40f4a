import { expect, test } from 'vitest';
import { image } from '../../harness/data/images/image.ts';
import type { SizedInputs } from '../../harness/data/loader/batch.ts';
import { sizeOf } from '../../harness/engine/array.ts';
import { shapeAt } from '../../harness/engine/sizes/entry.ts';
import { anchorGrid } from './anchors.ts';
import { fedWith, networkPixels, stepInputs } from './feed.ts';
import { methodSpec } from './method_spec.ts';

const spec = methodSpec.parse({
  classes: 3,
  anchors: { sizes: [16, 32], ratios: [1] },
  proposals: { train: { before: 40, after: 10 } },
  roi: { count: 12 },
});
const shape = { batch: 2, size: 96, most: 2 };
const setup = { ...shape, seed: 1, mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4] };

/** A picture of these sides with one object, at a place of the order. */
function shown(width: number, height: number, place: number) {
  const pixels = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 37 + place) % 256);
  const change = { width, height, toWidth: width, toHeight: height, flip: false };
  const targets = [{ class: 1, box: [4, 4, 30, 30] as const, polygons: [] }];
  return { index: place, place, picture: image(width, height, pixels), change, targets };
}

test('a batch is as high and as wide as its own largest pictures, whatever sides may be', () => {
  const pictures = [shown(70, 40, 0), shown(50, 65, 1)];
  const { inputs, sizes } = fedWith(spec, setup, pictures);
  expect(sizes).toEqual({ height: 65, width: 70 });
  const told = { 'r.height': 65, 'r.width': 70 };
  const lengths = Object.entries(stepInputs(spec, shape, 'r.').inputs).map(([name, one]) => {
    return [name, sizeOf(shapeAt(one, told))] as const;
  });
  const made = Object.entries(inputs).map(([name, values]) => [name, values.length] as const);
  expect(Object.fromEntries(made)).toEqual(Object.fromEntries(lengths));
  // ceil(65 / 16) rows of ceil(70 / 16) cells, which see the padding of the smaller picture as well.
  expect(inputs.anchors).toEqual(anchorGrid(spec.anchors, 5, 5));
  expect([...(inputs.sizes ?? [])]).toEqual([40, 70, 65, 50]);
  expect(fedWith(spec, { ...setup, size: 1333 }, pictures).inputs).toEqual(inputs);
});

test('zeros lie below and at the right of a smaller picture, and no batch is below 32 pixels', () => {
  const [flat, tall] = [shown(70, 20, 0).picture, shown(33, 24, 1).picture];
  const { pixels, height, width } = networkPixels([flat, tall], spec, setup);
  expect([height, width]).toEqual([32, 70]);
  const at = (n: number, y: number, x: number) => [
    ...pixels.subarray(3 * ((n * height + y) * width + x), 3 * ((n * height + y) * width + x) + 3),
  ];
  expect(at(0, 20, 0)).toEqual([0, 0, 0]);
  expect(at(1, 23, 33)).toEqual([0, 0, 0]);
  const last = (23 * 33 + 32) * 3;
  const of = (c: number) =>
    ((tall.pixels[last + c] ?? 0) / 255 - (setup.mean[c] ?? 0)) / (setup.std[c] ?? 1);
  at(1, 23, 32).forEach((value, c) => {
    expect(value).toBeCloseTo(of(c), 5);
  });
});

test('masks are learnt from sides of polygons, filled up to those of the largest object', () => {
  const masked = methodSpec.parse({ ...spec, mask: {} });
  const [triangle, square] = [
    Float64Array.of(4, 4, 30, 4, 4, 30),
    Float64Array.of(10, 10, 20, 10, 20, 20, 10, 20),
  ];
  const seen = (place: number, polygons: readonly Float64Array[]) => {
    const { targets, ...picture } = shown(70, 40, place);
    return { ...picture, targets: targets.map((target) => ({ ...target, polygons })) };
  };
  const { inputs, sizes }: SizedInputs = fedWith(masked, setup, [
    seen(0, [triangle, square]),
    seen(1, [square]),
  ]);
  expect(sizes).toEqual({ height: 40, width: 70, corners: 7, polygons: 2 });
  const [sides, parts] = [
    inputs.sides ?? expect.unreachable(),
    inputs.parts ?? expect.unreachable(),
  ];
  expect([sides.length, parts.length]).toEqual([2 * 2 * 7 * 4, 2 * 2 * 7]);
  expect(Array.from(sides.slice(4, 12), Number)).toEqual([30, 4, 4, 30, 4, 30, 4, 4]);
  expect(Array.from(parts.slice(0, 7), Number)).toEqual([0, 0, 0, 1, 1, 1, 1]);
  expect(Array.from(sides.slice(2 * 7 * 4 + 16), Number).every((at) => at === 0)).toBe(true);
  const told = Object.fromEntries(Object.entries(sizes).map(([name, n]) => [`r.${name}`, n]));
  const spec64 = stepInputs(masked, shape, 'r.').inputs.sides;
  expect(spec64 && sizeOf(shapeAt(spec64, told))).toBe(sides.length);
  expect(() => fedWith(masked, setup, [seen(0, []), seen(1, [square])])).toThrow(
    /object 0 of picture 0 has no outline.*leave out detector\.mask/,
  );
  const ragged = Float64Array.from({ length: 2 * 16_385 }, (_, i) => i % 30);
  expect(() => fedWith(masked, setup, [seen(0, [square]), seen(1, [square, ragged])])).toThrow(
    'data.train: object 0 of picture 1 has an outline of 2 polygons with 16389 sides together; expected at most 1024 and 16384: smooth it',
  );
});
