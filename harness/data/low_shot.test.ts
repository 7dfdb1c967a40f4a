import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LOW_SHOT, lowShotMarks, tooFew } from './low_shot.ts';

/** Marks of a set by a rule, [images, classes]. */
function set(images: number, classes: number, mark: (image: number, label: number) => number) {
  return {
    marks: Int8Array.from({ length: images * classes }, (_, at) =>
      mark(Math.floor(at / classes), at % classes),
    ),
    classes: Array.from({ length: classes }, (_, label) => `class ${label}`),
  };
}

test('each class has k positives and 19 k negatives of its own, never difficult images', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 5 }),
      fc.nat(99),
      (k, classes, sample, seed) => {
        const data = set(120, classes, (image, label) => {
          const kind = (image * 7 + label * 3) % 20;
          return kind === 0 ? 1 : kind < 3 ? -1 : 0;
        });
        fc.pre(tooFew(data, k) === undefined);
        const drawn = lowShotMarks(data, { k, sample, seed });
        for (let label = 0; label < classes; label++) {
          const own = [...drawn.keys()].filter((at) => at % classes === label);
          const of = (mark: number) => own.filter((at) => drawn[at] === mark);
          expect([of(1).length, of(0).length]).toEqual([k, LOW_SHOT.negatives * k]);
          for (const at of [...of(0), ...of(1)]) expect(drawn[at]).toBe(data.marks[at]);
        }
      },
    ),
    { seed: 11, numRuns: 60 },
  );
});

test('samples, seeds, numbers of shots and classes are drawn apart, and the same each time', () => {
  const data = set(200, 2, (image) => (image % 10 === 0 ? 1 : 0));
  const draw = (sample: number, seed: number, k = 2) =>
    lowShotMarks(data, { k, sample, seed }).join('');
  expect(draw(1, 0)).toBe(draw(1, 0));
  expect(new Set([draw(1, 0), draw(2, 0), draw(1, 1), draw(1, 0, 4)]).size).toBe(4);
  const both = lowShotMarks(data, { k: 4, sample: 1, seed: 0 });
  const column = (label: number) => both.filter((_, at) => at % 2 === label).join('');
  expect(column(0)).not.toBe(column(1));
});

test('pinned: the same on every machine and Node version', () => {
  const data = set(60, 2, (image, label) => (image % 7 === label ? 1 : 0));
  const drawn = lowShotMarks(data, { k: 2, sample: 3, seed: 5 });
  const rows = (mark: number) => [...drawn.keys()].filter((at) => drawn[at] === mark);
  expect(rows(1)).toMatchInlineSnapshot(`
    [
      3,
      28,
      70,
      73,
    ]
  `);
});

test('a class with too few images is named', () => {
  const data = set(100, 2, (image, label) => (image < 3 + label ? 1 : 0));
  expect(tooFew(data, 3)).toBeUndefined();
  expect(() => lowShotMarks(data, { k: 4, sample: 1, seed: 0 })).toThrow(
    /^low-shot labels: k 4: 3 images have "class 0", expected at least 4$/,
  );
  const other = set(100, 2, (image, label) => (image < 50 + 40 * label ? 1 : 0));
  expect(tooFew(other, 1)).toBe('k 1: 10 images are without "class 1", expected at least 19');
});
