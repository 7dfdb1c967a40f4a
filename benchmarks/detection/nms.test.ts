import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boxAt, boxCount, pairwiseIou } from './boxes.ts';
import { classwiseNms, nms } from './nms.ts';

// A coarse grid, so that equal boxes, equal scores and IoUs at a threshold occur often.
const side = fc.integer({ min: 0, max: 6 });
const box = fc.tuple(side, side, side, side).map(([x, y, w, h]) => [x, y, x + w, y + h]);
const scored = fc.array(
  fc.record({ box, score: fc.integer({ min: 0, max: 4 }), own: fc.integer({ min: 0, max: 2 }) }),
  { maxLength: 30 },
);

/** Every pair is looked at; a box goes if any kept one before it, by score and then place, covers it. */
function slow(boxes: Float32Array, scores: readonly number[], threshold: number): number[] {
  const count = boxCount(boxes);
  const iou = pairwiseIou(boxes, boxes);
  const order = Array.from({ length: count }, (_, i) => i).sort(
    (a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b,
  );
  const kept: number[] = [];
  for (const i of order)
    if (!kept.some((j) => (iou[j * count + i] ?? 0) > Math.fround(threshold))) kept.push(i);
  return kept;
}

describe('non-maximum suppression', () => {
  it.each([0.3, 0.5, 0.7])('keeps what the definition keeps, at %f', (threshold) => {
    fc.assert(
      fc.property(scored, fc.integer({ min: 0, max: 30 }), (rows, most) => {
        const boxes = Float32Array.from(rows.flatMap((row) => row.box));
        const scores = rows.map(({ score }) => score);
        const want = slow(boxes, scores, threshold);
        expect([...nms(boxes, scores, threshold)]).toEqual(want);
        expect([...nms(boxes, scores, threshold, most)]).toEqual(want.slice(0, most));
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('suppresses within a class alone', () => {
    fc.assert(
      fc.property(scored, (rows) => {
        const boxes = Float32Array.from(rows.flatMap((row) => row.box));
        const classes = rows.map(({ own }) => own);
        const scores = rows.map(({ score }) => score);
        const want = [0, 1, 2].flatMap((own) => {
          const places = [...classes.keys()].filter((i) => classes[i] === own);
          const part = Float32Array.from(places.flatMap((i) => [...boxAt(boxes, i)]));
          const kept = slow(
            part,
            places.map((i) => scores[i] ?? 0),
            0.5,
          );
          return kept.map((place) => places[place] ?? 0);
        });
        const found = classwiseNms(boxes, scores, classes, 0.5);
        expect([...found].sort((a, b) => a - b)).toEqual(want.sort((a, b) => a - b));
      }),
      { seed: 2, numRuns: 200 },
    );
  });

  it('gives the same above a thousand boxes, where classes are no longer moved apart', () => {
    const count = 1001;
    const boxes = Float32Array.from({ length: 4 * count }, (_, k) => {
      const [i, corner] = [k >> 2, k % 4];
      const [x, y] = [(i * 37) % 300, (i * 53) % 200];
      return corner % 2 === 0 ? x + (corner === 2 ? 40 : 0) : y + (corner === 3 ? 40 : 0);
    });
    const scores = Array.from({ length: count }, (_, i) => ((i * 7919) % count) / count);
    const classes = Array.from({ length: count }, (_, i) => i % 3);
    const some = classwiseNms(
      boxes.slice(0, 4000),
      scores.slice(0, 1000),
      classes.slice(0, 1000),
      0.5,
    );
    const all = classwiseNms(boxes, scores, classes, 0.5);
    const own = (i: number) => classes[i] === classes[1000] || i === 1000;
    // The last box has an effect on its own class alone.
    expect([...all].filter((i) => !own(i))).toEqual([...some].filter((i) => !own(i)));
  });

  it('an IoU that equals the threshold suppresses nothing', () => {
    const boxes = Float32Array.of(0, 0, 2, 1, 0, 0, 1, 1);
    expect([...nms(boxes, [2, 1], 0.5)]).toEqual([0, 1]);
    expect([...nms(boxes, [2, 1], 0.499)]).toEqual([0]);
  });
});
