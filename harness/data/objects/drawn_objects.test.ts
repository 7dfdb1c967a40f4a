import { expect, test } from 'vitest';
import { bitmapOf, sharedArea } from '../../metrics/rle.ts';
import { rleOfPolygons } from '../../metrics/rle_polygon.ts';
import { drawnSpec } from './drawn.fixture.ts';
import { openDrawnObjects } from './drawn_objects.ts';
import { faultOfBox } from './objects.ts';
import { depthIn, outlineOf, SHAPES } from './shapes.ts';

const spec = drawnSpec({ count: 24, classes: 6 });
const source = openDrawnObjects(spec, {});
const all = Array.from({ length: spec.count }, (_, i) => i);

test('pictures are of their size, and the same when opened again', async () => {
  const again = openDrawnObjects(spec, {});
  expect(again.manifest.sha256).toBe(source.manifest.sha256);
  for (const i of all) {
    const picture = await source.read(i);
    const { id, width, height } = source.image(i);
    expect([id, picture.width, picture.height]).toEqual([i, width, height]);
    expect(Buffer.compare(picture.pixels, (await again.read(i)).pixels)).toBe(0);
    expect(again.objects(i)).toEqual(source.objects(i));
  }
  const other = openDrawnObjects({ ...spec, seed: 1 }, {});
  expect(other.manifest.sha256).not.toBe(source.manifest.sha256);
  expect(openDrawnObjects({ ...spec, split: 'test' }, {}).objects(0)).not.toEqual(
    source.objects(0),
  );
});

test('all classes are there, wide pictures and others, and several sizes', () => {
  const seen = new Set(all.flatMap((i) => source.objects(i).map((one) => one.class)));
  expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5]);
  const wide = all.filter((i) => source.image(i).width > source.image(i).height).length;
  expect(wide).toBeGreaterThan(4);
  expect(wide).toBeLessThan(20);
});

test('boxes hold their outlines, lie inside, and what lies over a shape leaves most of it', () => {
  for (const i of all) {
    const { width, height } = source.image(i);
    const objects = source.objects(i);
    expect(objects.length).toBeGreaterThan(0);
    const masks = objects.map(({ polygons = [] }) => rleOfPolygons(height, width, polygons));
    for (const [k, { box, polygons, area }] of objects.entries()) {
      expect(faultOfBox(box, width, height)).toBeUndefined();
      const [x1, y1, x2, y2] = box;
      expect(x1).toBeGreaterThanOrEqual(0);
      expect(y2).toBeLessThanOrEqual(height);
      const points = [...(polygons?.[0] ?? [])];
      expect(Math.min(...points.filter((_, at) => at % 2 === 0))).toBe(x1);
      expect(Math.max(...points.filter((_, at) => at % 2 === 1))).toBe(y2);
      expect(area).toBeLessThanOrEqual((x2 - x1 + 1) * (y2 - y1 + 1));
      for (const other of masks.slice(k + 1)) {
        const mask = masks[k];
        if (mask !== undefined) expect(sharedArea(mask, other)).toBeLessThanOrEqual(0.2 * area);
      }
    }
  }
});

test.each(SHAPES.map((shape) => [shape.name, shape] as const))(
  'a %s is painted where its outline is filled',
  (_, shape) => {
    const placed = { shape, x: 40.3, y: 38.7, radius: 25, direction: [0.8, 0.6] as const };
    const filled = bitmapOf(rleOfPolygons(80, 80, [outlineOf(placed)]));
    let [inside, outside] = [0, 0];
    for (let y = 0; y < 80; y++)
      for (let x = 0; x < 80; x++) {
        const depth = depthIn(placed, x + 0.5, y + 0.5);
        // pycocotools' filling is up to a pixel off the outline.
        if (depth > 1) inside += filled[y * 80 + x] === 1 ? 0 : 1;
        if (depth < -1) outside += filled[y * 80 + x] === 1 ? 1 : 0;
      }
    expect([inside, outside]).toEqual([0, 0]);
    expect(filled.reduce((sum, bit) => sum + bit, 0)).toBeGreaterThan(300);
  },
);

test('a shape stands out from what is around it', async () => {
  let apart = 0;
  for (const i of all) {
    const picture = await source.read(i);
    const { width, height } = picture;
    const [first] = source.objects(i);
    const mask = bitmapOf(rleOfPolygons(height, width, first?.polygons ?? []));
    const [x1, y1, x2, y2] = (first?.box ?? [0, 0, 0, 0]).map(Math.floor);
    const sums = [0, 0];
    const counts = [0, 0];
    for (let y = y1 ?? 0; y < (y2 ?? 0); y++)
      for (let x = x1 ?? 0; x < (x2 ?? 0); x++) {
        const side = mask[y * width + x] ?? 0;
        sums[side] = (sums[side] ?? 0) + (picture.pixels[3 * (y * width + x)] ?? 0);
        counts[side] = (counts[side] ?? 0) + 1;
      }
    const mean = (side: number) => (sums[side] ?? 0) / (counts[side] ?? 0);
    if (Math.abs(mean(1) - mean(0)) > 25) apart++;
  }
  expect(apart).toBeGreaterThan(16);
});
