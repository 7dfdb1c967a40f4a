import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { readSafetensors } from '../weights/safetensors.ts';
import {
  areaAp,
  areaUnder,
  elevenPointAp,
  precisionRecall,
  ranking,
  stepAp,
} from './average_precision.ts';
import { aggregated } from './spread_of.ts';

const fixture = fileURLToPath(new URL('../../golden/svm/precision.safetensors', import.meta.url));
const { tensors } = readSafetensors(fixture);
const numbers = (name: string) => Array.from(tensors.get(name)?.data ?? [], Number);
const lists = [...tensors.keys()].flatMap((name) => /^(\d+)\.scores$/.exec(name)?.[1] ?? []);

describe.each(lists)('list %s', (list) => {
  const [scores, targets] = [numbers(`${list}.scores`), numbers(`${list}.targets`)];
  it('has the average precision of scikit-learn', () => {
    expect(stepAp(scores, targets)).toBeCloseTo(numbers(`${list}.step`)[0] ?? Number.NaN, 12);
  });
  it('has the area that NumPy finds', () => {
    expect(areaAp(scores, targets)).toBeCloseTo(numbers(`${list}.area`)[0] ?? Number.NaN, 12);
  });
});

/** Few values, so that many are equal; some present. */
const judged = fc
  .array(
    fc.record({ score: fc.integer({ min: -6, max: 6 }), target: fc.integer({ min: 0, max: 1 }) }),
    {
      minLength: 1,
      maxLength: 30,
    },
  )
  .map((all) => ({
    scores: all.map(({ score }) => score / 4),
    targets: all.map(({ target }, i) => (i === 0 ? 1 : target)),
  }));
const apart = judged.map(({ scores, targets }) => ({
  scores: scores.map((score, i) => score + i / 1000),
  targets,
}));

/** The last index of equal scores first, by picking the best again and again. */
function plainOrder(scores: readonly number[]): number[] {
  const left = scores.map((_, i) => i);
  const order: number[] = [];
  while (left.length > 0) {
    let best = left[0] ?? 0;
    for (const i of left) if ((scores[i] ?? 0) >= (scores[best] ?? 0)) best = i;
    order.push(best);
    left.splice(left.indexOf(best), 1);
  }
  return order;
}

/** Best precision at `needed` hits or more, down a ranking. */
function plainBest(hits: readonly boolean[], needed: number): number {
  let [found, best] = [0, 0];
  for (const [i, hit] of hits.entries()) {
    if (hit) found++;
    if (found >= needed) best = Math.max(best, found / (i + 1));
  }
  return best;
}

test.each([
  ['with equal scores', judged],
  ['of scores that differ', apart],
])('area and eleven points are those of plain loops, %s (fast-check)', (_, lists) => {
  fc.assert(
    fc.property(lists, ({ scores, targets }) => {
      const hits = plainOrder(scores).map((i) => targets[i] === 1);
      const all = hits.filter(Boolean).length;
      let area = 0;
      for (let k = 1; k <= all; k++) area += plainBest(hits, k) / all;
      let points = 0;
      for (let t = 0; t <= 10; t++) points += plainBest(hits, Math.ceil((t * all) / 10)) / 11;
      expect(areaAp(scores, targets)).toBeCloseTo(area, 12);
      expect(elevenPointAp(scores, targets)).toBeCloseTo(points, 12);
      const order = ranking(scores);
      expect([...order]).toEqual(plainOrder(scores));
      expect(areaUnder(precisionRecall(order, targets))).toBeCloseTo(area, 12);
    }),
    { seed: 1, numRuns: 300 },
  );
});

test('the example of the sheet', () => {
  expect(areaAp([0.9, 0.8, 0.7, 0.6, 0.5], [1, 0, 1, 1, 0])).toBeCloseTo(5 / 6, 12);
  expect(stepAp([0.9, 0.8, 0.7, 0.6, 0.5], [1, 0, 1, 1, 0])).toBeCloseTo(
    (1 + 2 / 3 + 3 / 4) / 3,
    12,
  );
});

test('three hits of ten reach a recall of 0.3, which no binary fraction is', () => {
  const targets = Array.from({ length: 20 }, (_, i) => (i < 3 || i > 12 ? 1 : 0));
  const scores = targets.map((_, i) => -i);
  // Precision is 1 up to 0.3, and 10 / 20 at best from there on.
  expect(elevenPointAp(scores, targets)).toBeCloseTo((4 * 1 + 7 * 0.5) / 11, 12);
});

test('-0 and 0 are one score', () => {
  expect(areaAp([-0, 0], [1, 0])).toBe(0.5);
  expect(stepAp([-0, 0], [1, 0])).toBe(0.5);
});

test('nothing present: 0 by scikit-learn, no number by the others', () => {
  expect(stepAp([1, 2], [0, 0])).toBe(0);
  expect(areaAp([1, 2], [0, -1])).toBeNaN();
  expect(elevenPointAp([1, 2], [0, -1])).toBeNaN();
});

test('a score that is no number is refused', () => {
  expect(() => areaAp([1, Number.NaN], [1, 0])).toThrow('score 1 is NaN');
});

test('mean, smallest, largest and population deviation', () => {
  expect(aggregated([1, 2, 3, 6])).toEqual({ mean: 3, min: 1, max: 6, std: Math.sqrt(14 / 4) });
});
