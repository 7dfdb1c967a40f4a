import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { image } from '../data/images/image.ts';
import { rleOfBitmap } from '../metrics/rle.ts';
import { detectionSheetSvg, type Mark, type SheetCard } from './detection_sheet.ts';
import { LABEL_HEIGHT, labelPlaces, type Rectangle } from './label_places.ts';
import { withMasks } from './mask_overlay.ts';
import { precisionCurvesSvg } from './precision_curves.ts';
import { sizeBarsSvg } from './size_bars.ts';

const panel: Rectangle = { left: 100, top: 50, right: 400, bottom: 350 };

describe('labels', () => {
  it('lie above their boxes, inside where there is no room, and else where they fit', () => {
    const at = (left: number, top: number, right: number, bottom: number) => ({
      box: { left, top, right, bottom },
      label: 'cat 0.50',
    });
    const [above, inside, other, right] = labelPlaces(
      [
        at(150, 150, 250, 250),
        at(300, 50, 400, 90),
        at(150, 150, 350, 250),
        at(390, 200, 400, 210),
      ],
      panel,
    );
    expect(above).toMatchObject({ left: 150, bottom: 150 });
    expect(inside).toMatchObject({ left: 300, top: 50 });
    expect(other).toMatchObject({ left: 150, top: 150 }); // the place above is taken
    expect(right).toMatchObject({ right: 400, bottom: 200 }); // moved into the panel
  });

  it('never lie on each other, nor leave the panel', () => {
    const one = fc
      .tuple(fc.integer({ min: 100, max: 400 }), fc.integer({ min: 50, max: 350 }))
      .chain(([left, top]) =>
        fc.record({
          box: fc.record({
            left: fc.constant(left),
            top: fc.constant(top),
            right: fc.integer({ min: left, max: 400 }),
            bottom: fc.integer({ min: top, max: 350 }),
          }),
          label: fc.string({ maxLength: 20 }),
        }),
      );
    fc.assert(
      fc.property(fc.array(one, { maxLength: 40 }), (boxes) => {
        const places = labelPlaces(boxes, panel).filter((place) => place !== undefined);
        for (const [i, a] of places.entries()) {
          expect(a.left >= panel.left && a.right <= panel.right).toBe(true);
          expect(a.top >= panel.top && a.bottom <= panel.bottom).toBe(true);
          expect(a.bottom - a.top).toBe(LABEL_HEIGHT);
          for (const b of places.slice(i + 1)) {
            const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            expect(across > 0 && down > 0).toBe(false);
          }
        }
      }),
      { seed: 26 },
    );
  });

  it('are left out where there is no place', () => {
    const boxes = Array.from({ length: 30 }, () => ({
      box: { left: 200, top: 200, right: 240, bottom: 240 },
      label: 'person 0.99',
    }));
    const placed = labelPlaces(boxes, panel).filter((place) => place !== undefined);
    expect(placed.length).toBeGreaterThan(2);
    expect(placed.length).toBeLessThan(9);
    const narrow = { left: 0, top: 0, right: 20, bottom: 300 };
    expect(labelPlaces(boxes.slice(0, 1), narrow)).toEqual([undefined]);
  });
});

it('a mask is tinted, its outline all colour, the image itself untouched', () => {
  const grey = image(5, 5, new Uint8Array(75).fill(100));
  const bitmap = Array.from({ length: 25 }, (_, i) => +(i % 5 < 3 && i >= 10));
  const mask = rleOfBitmap(5, 5, bitmap); // columns 0 to 2 of rows 2 to 4
  const out = withMasks(grey, [{ mask, colour: [200, 0, 100] }]);
  const at = (x: number, y: number) => [
    ...out.pixels.subarray(3 * (5 * y + x), 3 * (5 * y + x) + 3),
  ];
  expect(at(3, 3)).toEqual([100, 100, 100]);
  expect(at(2, 3)).toEqual([200, 0, 100]);
  expect(at(1, 2)).toEqual([200, 0, 100]);
  expect(at(1, 3)).toEqual([135, 65, 100]);
  expect(at(0, 3)).toEqual([200, 0, 100]); // the border of the image ends it
  expect(new Set(grey.pixels)).toEqual(new Set([100]));
  expect(() => withMasks(image(4, 5), [{ mask, colour: [0, 0, 0] }])).toThrow('a mask of 5 x 5');
});

describe('a sheet of detections', () => {
  const mark = (state: Mark['state'], label: string, box: Mark['box']): Mark => ({
    ...{ state, label, box },
  });
  const cards: SheetCard[] = [
    {
      image: image(88, 44, new Uint8Array(88 * 44 * 3).fill(90)),
      headings: ['7: F1 0.50', '1 found & missed'],
      marks: [
        [mark('good', 'cat 0.90', [8, 4, 40, 40]), mark('bad', 'dog 0.80', [44, 20, 80, 44])],
        [mark('neutral', 'cat <3', [0, 0, 88, 44])],
      ],
    },
  ];
  const heads = { title: 'T', lines: ['one', 'two'] };

  it('has both pictures enlarged, boxes at their places, and text as text', async () => {
    const svg = await detectionSheetSvg(cards, heads);
    expect(svg.match(/data:image\/jpeg;base64,/g)).toHaveLength(2);
    expect(svg.match(/width="440" height="220"/g)?.length).toBeGreaterThanOrEqual(2);
    for (const text of [
      'T',
      'one',
      'two',
      'cat 0.90',
      'dog 0.80',
      'cat &lt;3',
      '1 found &amp; missed',
    ])
      expect(svg).toContain(`>${text}</`);
    // Five times as large: 32 x 36 pixels at (8, 4) of a picture whose upper side is at 20.
    expect(svg).toContain('M40,40h160v180h-160Z');
    expect(svg.match(/stroke-dasharray="5,3"/g)).toHaveLength(1);
    expect(svg.match(/stroke-dasharray="2,3"/g)).toHaveLength(1);
  });

  it('is the same bytes each time, other ones with a mask, and may be empty', async () => {
    const svg = await detectionSheetSvg(cards, heads);
    expect(await detectionSheetSvg(cards, heads)).toBe(svg);
    const mask = rleOfBitmap(44, 88, new Uint8Array(88 * 44).fill(1));
    const masked = cards.map(({ marks: [own, other], ...card }) => ({
      ...card,
      marks: [own.map((one) => ({ ...one, mask })), other] as const,
    }));
    expect(await detectionSheetSvg(masked, heads)).not.toBe(svg);
    expect(await detectionSheetSvg([], heads)).not.toMatch(/NaN|undefined|<image/);
  });
});

describe('charts of detection', () => {
  const falling = (from: number) =>
    Float64Array.from({ length: 101 }, (_, r) => (r <= from ? 1 : 0));
  const curves = (classes: number) => {
    const each = Array.from({ length: classes }, (_, c) => falling(c % 100));
    return { '0.50': each, '0.75': each, mean: each };
  };
  const named = (count: number) => ({
    classes: Array.from({ length: count }, (_, c) => `kind ${c}`),
  });

  it('have a curve for each class, best first, with its average precisions', async () => {
    const svg = await precisionCurvesSvg(curves(60), named(60), { title: 'x', step: 1 });
    expect(svg).toContain('>mean of 60 classes: 30 / 30 / 30</text>');
    expect(svg.match(/>kind \d+<\/text>/g)?.slice(0, 2)).toEqual([
      '>kind 59</text>',
      '>kind 58</text>',
    ]);
    expect(svg).toContain('>59 / 59 / 59</text>'); // 60 of 101 points
    expect(svg).not.toMatch(/NaN|undefined/);
    expect(await precisionCurvesSvg(curves(60), named(60), { title: 'x', step: 1 })).toBe(svg);
  });

  it('have of many classes the best and the worst, and leave out those without objects', async () => {
    const many = await precisionCurvesSvg(curves(101), named(101), { title: 'x', step: 1 });
    expect(many.match(/>kind \d+<\/text>/g)).toHaveLength(40);
    const { mean } = curves(3);
    const some = { '0.50': mean, '0.75': mean, mean: [mean[0], undefined, mean[2]] };
    const svg = await precisionCurvesSvg(some, named(3), { title: 'x', step: 10 });
    expect(svg).toContain('>mean of 2 classes: 9 / 9 / 9</text>'); // one of eleven points
    expect(svg).not.toContain('>kind 1</text>');
  });

  it('have bars of each size, none for a size without objects', async () => {
    const ranges = [
      { name: 'small', objects: 0 },
      { name: 'large', objects: 12 },
    ];
    const series = [
      { name: 'boxes', values: [Number.NaN, 41.25] },
      { name: 'masks', values: [Number.NaN, 39] },
    ];
    const svg = await sizeBarsSvg(ranges, series, 'x');
    for (const text of ['41.3', '39.0', '12 objects', '0 objects', 'masks'])
      expect(svg).toContain(`>${text}<`);
    expect(svg).not.toMatch(/NaN|undefined/);
  });
});
