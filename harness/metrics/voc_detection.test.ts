import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type VocBox,
  type VocDetection,
  type VocTruth,
  vocAp,
  vocCurve,
  vocDetection,
} from './voc_detection.ts';

const side = fc.integer({ min: 0, max: 9 });
const box = fc
  .tuple(side, side, side, side)
  .map(([x, y, width, height]): VocBox => [x + 1, y + 1, x + 1 + width, y + 1 + height]);
const image = fc.integer({ min: 0, max: 2 });
const truths = fc.array(fc.record({ image, class: fc.constant(0), box, difficult: fc.boolean() }), {
  maxLength: 8,
});
const detections = fc.array(
  fc.record({ image, class: fc.constant(0), box, score: fc.constantFrom(0.1, 0.5, 0.7, 0.9) }),
  { maxLength: 10 },
);

/** Pixels of a box, one by one. */
function pixels([xmin, ymin, xmax, ymax]: VocBox): Set<string> {
  const found = new Set<string>();
  for (let x = xmin; x <= xmax; x++) for (let y = ymin; y <= ymax; y++) found.add(`${x},${y}`);
  return found;
}

function overlapOf(a: VocBox, b: VocBox): number {
  const [of, other] = [pixels(a), pixels(b)];
  const shared = [...of].filter((pixel) => other.has(pixel)).length;
  return shared / (of.size + other.size - shared);
}

/** The devkit's rules, from the definition: precision at each recall, then both averages. */
function slowly(known: readonly VocTruth[], found: readonly VocDetection[], threshold: number) {
  const free = new Map(known.map((truth) => [truth, !truth.difficult]));
  const verdicts: boolean[] = [];
  for (const { box: own, image: at } of found.toSorted((a, b) => b.score - a.score)) {
    const here = known.filter((truth) => truth.image === at);
    const overlaps = here.map((truth) => overlapOf(own, truth.box));
    const place = overlaps.indexOf(Math.max(...overlaps));
    const truth = (overlaps[place] ?? 0) > threshold ? here[place] : undefined;
    if (truth?.difficult) continue;
    verdicts.push(truth !== undefined && free.get(truth) === true);
    if (truth !== undefined) free.set(truth, false);
  }
  const positives = known.filter(({ difficult }) => !difficult).length;
  const points = verdicts.map((_, i) => {
    const right = verdicts.slice(0, i + 1).filter(Boolean).length;
    return { recall: right / positives, precision: right / (i + 1) };
  });
  const bestFrom = (least: number) =>
    Math.max(0, ...points.filter(({ recall }) => recall >= least).map((p) => p.precision));
  const elevenths = [...Array(11).keys()].map((i) => bestFrom(i * 0.1));
  let [area, before] = [0, 0];
  for (const { recall } of points) {
    area += (recall - before) * bestFrom(recall);
    before = recall;
  }
  return { '11_point': elevenths.reduce((a, b) => a + b) / 11, area };
}

describe('against plain loops, with sets of pixels', () => {
  it.each(['11_point', 'area'] as const)('%s', (rule) => {
    fc.assert(
      fc.property(truths, detections, fc.constantFrom(0.5, 0.75), (known, found, threshold) => {
        fc.pre(known.some(({ difficult }) => !difficult));
        const expected = slowly(known, found, threshold)[rule];
        expect(vocAp(vocCurve(known, found, threshold), rule)).toBeCloseTo(expected, 12);
      }),
      { seed: 3, numRuns: 400 },
    );
  });
});

describe('vocDetection', () => {
  const at = { image: 0, class: 0, box: [1, 1, 10, 10] as const };
  const truth = { ...at, difficult: false };
  const found = { ...at, score: 0.5 };
  const task = { classes: ['cat'], images: 1, rule: 'area' as const };

  it('is 100 percent where all is found, and the mean over thresholds', () => {
    expect(vocDetection([truth], [found], task)).toMatchObject({ AP: 100, AP50: 100, AP75: 100 });
    const part = { ...found, box: [1, 1, 10, 8] as const }; // four fifths, which 0.8 does not let pass
    expect(vocDetection([truth], [part], task)).toMatchObject({ AP: 60, AP50: 100, AP75: 100 });
  });

  it('takes overlaps above the threshold only', () => {
    const half = { ...found, box: [1, 1, 10, 5] as const };
    expect(vocDetection([truth], [half], task).AP50).toBe(0);
  });

  it.each<[string, VocTruth, VocDetection, RegExp]>([
    [
      'a score that is none',
      truth,
      { ...found, score: Number.NaN },
      /detection 0 has the score NaN/,
    ],
    [
      'an unknown class',
      truth,
      { ...found, class: 1 },
      /detection 0 is of class 1; expected 0 to 0/,
    ],
    ['an unknown image', truth, { ...found, image: 1 }, /detection 0 is of image 1/],
    ['a negative size', truth, { ...found, box: [5, 1, 3, 9] }, /0 has the box 5, 1, 3, 9/],
    ['no number', { ...truth, box: [Number.NaN, 1, 3, 9] }, found, /annotation 0 has the box NaN/],
    ['difficult objects alone', { ...truth, difficult: true }, found, /no image shows a cat/],
  ])('refuses %s', (_, known, detection, message) => {
    expect(() => vocDetection([known], [detection], task)).toThrow(message);
  });
});
