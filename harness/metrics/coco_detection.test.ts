import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSafetensors } from '../weights/safetensors.ts';
import { type Box, boxOverlap, boxTask } from './coco_boxes.ts';
import { AREAS, COCO_STATS, cocoDetection, MOST } from './coco_detection.ts';
import type { DetectionTask } from './coco_task.ts';

const golden = join(fileURLToPath(import.meta.url), '../../../golden/metrics');

interface Case {
  readonly name: string;
  readonly annotations: { readonly images: { readonly id: number }[]; annotations: object[] };
  readonly detections: { image_id: number; bbox: number[]; score: number }[];
}

const cases: readonly Case[] = JSON.parse(readFileSync(join(golden, 'coco_cases.json'), 'utf8'));

function apart(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(found.length).toBe(expected.length);
  return Array.from(found).reduce(
    (worst, value, i) => Math.max(worst, Math.abs(value - (expected[i] ?? Number.NaN))),
    0,
  );
}

/** float64 [10, 101, rest] → the mean over the 101, [10, rest]. */
function meanOverRecalls(precision: Float64Array): Float64Array {
  const rest = precision.length / 1010;
  return Float64Array.from({ length: 10 * rest }, (_, at) => {
    const [iou, cell] = [Math.floor(at / rest), at % rest];
    let sum = 0;
    for (let r = 0; r < 101; r++) sum += precision[(iou * 101 + r) * rest + cell] ?? 0;
    return sum / 101;
  });
}

describe('against pycocotools', () => {
  const { tensors } = readSafetensors(join(golden, 'coco_cases.safetensors'));
  const expected = (name: string) => tensors.get(name)?.data as Float64Array;

  it('has cases', () => expect(cases.length).toBe(47));

  it.each(cases)('$name', ({ name, annotations, detections }) => {
    const found = cocoDetection(boxTask(annotations, detections));
    const stats = COCO_STATS.map((stat) => found.stats[stat]);
    expect(apart(stats, expected(`${name}.stats`))).toBeLessThan(1e-12);
    expect(apart(found.recall, expected(`${name}.recall`))).toBeLessThan(1e-12);
    const precision = meanOverRecalls(found.precision);
    expect(apart(precision, expected(`${name}.precision`))).toBeLessThan(1e-12);
  });
});

const number = fc.integer({ min: 0, max: 12 }).map((n) => n * 8);
const anyBox = fc.tuple(number, number, number, number);
const anything = fc.record({ image: fc.constantFrom(4, 2), category: fc.constantFrom(5, 3) });
const task = fc.record({
  truths: fc.array(
    fc
      .record({ at: anything, region: anyBox, area: fc.constantFrom(0, 1000, 1024, 9216, 9999) })
      .chain(({ at, ...rest }) => fc.boolean().map((crowd) => ({ ...at, ...rest, crowd }))),
    { maxLength: 8 },
  ),
  detections: fc.array(
    fc
      .record({ at: anything, region: anyBox, score: fc.constantFrom(0.1, 0.5, 0.9) })
      .map(({ at, ...rest }) => ({ ...at, ...rest, area: rest.region[2] * rest.region[3] })),
    { maxLength: 10 },
  ),
});

type Drawn = Pick<DetectionTask<Box>, 'truths' | 'detections'>;

/** The mean over scores of at least `r` recall, one category, area and limit, from the definition. */
function slowly({ truths, detections }: Drawn, category: number, area: number, limit: number) {
  const range = AREAS[area];
  if (range === undefined) throw new Error('no range');
  const outside = (size: number) => size < range.least || size > range.most;
  const verdicts: { score: number; right: boolean }[] = [];
  let total = 0;
  for (const image of [2, 4]) {
    const here = (x: { image: number; category: number }) =>
      x.image === image && x.category === category;
    const own = truths.filter(here).map((truth) => ({ ...truth, free: true }));
    const counts = (truth: (typeof own)[number]) => !truth.crowd && !outside(truth.area);
    total += own.filter(counts).length;
    const sorted = detections.filter(here).sort((a, b) => b.score - a.score);
    for (const { region, score, area: size } of sorted.slice(0, limit)) {
      const reached = own
        .map((truth) => ({ truth, overlap: boxOverlap(region, truth.region, truth.crowd) }))
        .filter(({ truth, overlap }) => overlap >= 0.5 && (truth.free || truth.crowd));
      const best = (list: typeof reached) =>
        list.toSorted((a, b) => a.overlap - b.overlap).at(-1)?.truth;
      const taken =
        best(reached.filter(({ truth }) => counts(truth))) ??
        best(reached.filter(({ truth }) => !counts(truth)));
      if (taken !== undefined) taken.free = false;
      if (taken === undefined ? !outside(size) : counts(taken))
        verdicts.push({ score, right: taken !== undefined });
    }
  }
  verdicts.sort((a, b) => b.score - a.score);
  if (total === 0) return undefined;
  let right = 0;
  const curve = verdicts.map((verdict, i) => {
    if (verdict.right) right++;
    return { recall: right / total, precision: right / (i + 1) };
  });
  const points = [...Array(101).keys()].map((r) =>
    Math.max(0, ...curve.filter(({ recall }) => recall >= r * 0.01).map((p) => p.precision)),
  );
  return { recall: right / total, precision: points.reduce((a, b) => a + b) / 101 };
}

describe('against plain loops', () => {
  it('gives the same curves at an overlap of a half', () => {
    fc.assert(
      fc.property(task, (drawn) => {
        const found = cocoDetection({
          ...drawn,
          images: [4, 2],
          categories: [5, 3],
          overlap: boxOverlap,
        });
        const means = meanOverRecalls(found.precision);
        for (const [k, category] of [3, 5].entries())
          for (const area of AREAS.keys())
            for (const [m, limit] of MOST.entries()) {
              const cell = (k * AREAS.length + area) * MOST.length + m;
              const expected = slowly(drawn, category, area, limit);
              expect(found.recall[cell]).toBeCloseTo(expected?.recall ?? -1, 12);
              expect(means[cell]).toBeCloseTo(expected?.precision ?? -1, 12);
            }
      }),
      { seed: 5, numRuns: 150 },
    );
  });
});

describe('refuses', () => {
  const image = { id: 1 };
  const annotation = { id: 1, image_id: 1, category_id: 2, bbox: [0, 0, 5, 5], area: 25 };
  const known = { images: [image], categories: [{ id: 2 }], annotations: [annotation] };
  const found = { image_id: 1, category_id: 2, bbox: [0, 0, 5, 5], score: 0.5 };

  it.each<[string, object, object, RegExp]>([
    ['a score that is none', known, { ...found, score: Number.NaN }, /\[0\]\.score.*NaN/],
    ['an infinite score', known, { ...found, score: Infinity }, /\[0\]\.score.*Infinity/],
    ['an unknown image', known, { ...found, image_id: 7 }, /detection 0: image 7 is none of the 1/],
    ['an unknown category', known, { ...found, category_id: 1 }, /0: category 1 is none of the 1/],
    ['a negative width', known, { ...found, bbox: [0, 0, -1, 5] }, /\[0\]\.bbox\[2\].*found -1/],
    ['a box of three', known, { ...found, bbox: [0, 0, 5] }, /\[0\]\.bbox/],
    ['no score', known, { ...found, score: undefined }, /\[0\]\.score is missing/],
    ['an image twice', { ...known, images: [image, image] }, found, /image 1 is there twice/],
    [
      'an annotation twice',
      { ...known, annotations: [annotation, annotation] },
      found,
      /annotation 1 is there twice/,
    ],
    [
      'a negative area',
      { ...known, annotations: [{ ...annotation, area: -2 }] },
      found,
      /annotations\[0\]\.area/,
    ],
    [
      'an annotation of an unknown image',
      { ...known, annotations: [{ ...annotation, image_id: 9 }] },
      found,
      /annotation 0: image 9/,
    ],
    ['results in place of annotations', [found], found, /annotations: /],
  ])('%s', (_, annotations, detection, message) => {
    expect(() => cocoDetection(boxTask(annotations, [detection]))).toThrow(message);
  });

  it('scores that are none, of regions of any kind', () => {
    const at = { image: 1, category: 2, region: undefined, area: 1 };
    const given = { images: [1], categories: [2], truths: [], overlap: () => 0 };
    expect(() => cocoDetection({ ...given, detections: [{ ...at, score: Number.NaN }] })).toThrow(
      /detection 0: its score is NaN/,
    );
  });
});
