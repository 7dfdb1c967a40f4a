import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawnSpec } from '../../harness/data/objects/drawn.fixture.ts';
import type { ObjectTruths, SeenObject } from '../../harness/data/objects/objects.ts';
import { openObjects } from '../../harness/data/objects/open_objects.ts';
import { cocoBoxScores, type Found } from '../../harness/evaluation/object_scores.ts';
import { jittered } from './jittered.fixture.ts';
import { bestCut, foundByImage, pictureScore, verdictsOf } from './verdicts.ts';

const object = (label: number, box: SeenObject['box'], more: Partial<SeenObject> = {}) => ({
  ...{ class: label, box, area: 100, crowd: false, difficult: false },
  ...more,
});
const claim = (label: number, box: Found['box'], score: number): Found => ({
  ...{ image: 0, class: label, box, score },
});

describe('verdicts', () => {
  it('give an object to the best score of its class, and the rest are wrong', () => {
    const objects = [object(0, [0, 0, 10, 10]), object(1, [20, 0, 30, 10])];
    const found = [
      claim(0, [0, 0, 10, 9], 0.5),
      claim(0, [0, 0, 10, 8], 0.9), // first in score
      claim(0, [20, 0, 30, 10], 0.8), // of the other class
    ];
    expect(verdictsOf(objects, found, 0.5)).toEqual({
      found: ['wrong', 'right', 'wrong'],
      objects: ['seen', 'missed'],
    });
    // At 0.85 only the other one overlaps enough.
    expect(verdictsOf(objects, found, 0.85).found).toEqual(['right', 'wrong', 'wrong']);
  });

  it('count neither way on crowds and on what is difficult, however many', () => {
    const objects = [
      object(0, [0, 0, 40, 40], { crowd: true }),
      object(0, [50, 0, 60, 10], { difficult: true }),
    ];
    const found = [
      claim(0, [1, 1, 11, 11], 0.9), // within the crowd: overlap with its own area is 1
      claim(0, [20, 20, 30, 30], 0.8),
      claim(0, [50, 0, 60, 10], 0.7),
      claim(0, [50, 0, 60, 9], 0.6),
      claim(0, [50, 0, 53, 3], 0.5), // within, but small: a difficult object is no crowd
    ];
    expect(verdictsOf(objects, found, 0.5)).toEqual({
      found: ['ignored', 'ignored', 'ignored', 'ignored', 'wrong'],
      objects: ['ignored', 'ignored'],
    });
    expect(pictureScore(objects, found.slice(0, 4))).toBeUndefined();
    expect(pictureScore(objects, found)).toBe(0);
  });

  it("find as much as COCO's recall says", async () => {
    const source = await openObjects(drawnSpec({ count: 30, seed: 4 }), { data: '' });
    const found = jittered(source);
    const { recall } = cocoBoxScores(source, found);
    const lists = foundByImage(source.count, found);
    for (const iou of [0.5, 0.75]) {
      const seen = source.classes.map(() => ({ right: 0, all: 0 }));
      for (const [image, list] of lists.entries())
        verdictsOf(source.objects(image), list, iou).objects.forEach((fate, i) => {
          const own = seen[source.objects(image)[i]?.class ?? -1];
          if (own === undefined) throw new Error('no class');
          own.all++;
          if (fate === 'seen') own.right++;
        });
      // [10 IoU, classes, 4 areas, 3 limits]
      const first = (iou === 0.5 ? 0 : 5) * source.classes.length;
      for (const [c, { right, all }] of seen.entries())
        expect(recall[(first + c) * 12 + 2]).toBeCloseTo(right / all, 12);
    }
  });
});

describe('how well a picture was seen', () => {
  it('is F1 at each threshold, on average', () => {
    // Overlap 0.8: enough for the first seven thresholds, 0.5 to 0.8.
    const objects = [object(0, [0, 0, 10, 10]), object(0, [20, 0, 30, 10])];
    const found = [claim(0, [0, 0, 10, 8], 0.9)];
    expect(pictureScore(objects, found)).toBeCloseTo((0.7 * 2) / 3, 12);
    expect(pictureScore(objects, [])).toBe(0);
    expect(pictureScore([], found)).toBe(0);
    expect(pictureScore([], [])).toBeUndefined();
  });
});

describe('the score from which on detections are shown', () => {
  const score = fc.constantFrom(0.1, 0.2, 0.3, 0.5, 0.9);
  const boxes = fc.constantFrom<Found['box']>(
    [0, 0, 10, 10],
    [0, 0, 10, 7],
    [20, 0, 30, 10],
    [5, 5, 9, 9],
  );
  const label = fc.constantFrom(0, 1);
  const sets = fc.record({
    objects: fc.array(fc.tuple(fc.constantFrom(0, 1), label, boxes, fc.boolean()), {
      maxLength: 6,
    }),
    found: fc.array(fc.tuple(fc.constantFrom(0, 1), label, boxes, score), { maxLength: 12 }),
  });

  it('is the one of largest F1, tried one after another', () => {
    fc.assert(
      fc.property(sets, ({ objects, found: claims }) => {
        const truths: ObjectTruths = {
          count: 2,
          classes: ['a', 'b'],
          image: (index) => ({ id: index, width: 40, height: 20 }),
          objects: (index) =>
            objects.flatMap(([image, own, box, difficult]) =>
              image === index ? [object(own, box, { difficult })] : [],
            ),
        };
        const found = claims.map(([image, own, box, sure]) => ({
          ...claim(own, box, sure),
          image,
        }));
        const cut = bestCut(truths, found);
        const f1At = (least: number) => {
          let [right, wrong, known] = [0, 0, 0];
          for (const image of [0, 1]) {
            const shown = found.filter((one) => one.image === image && one.score >= least);
            const verdicts = verdictsOf(truths.objects(image), shown, 0.5);
            right += verdicts.found.filter((one) => one === 'right').length;
            wrong += verdicts.found.filter((one) => one === 'wrong').length;
            known += verdicts.objects.filter((one) => one !== 'ignored').length;
          }
          return right === 0 ? 0 : (2 * right) / (right + wrong + known);
        };
        const tried = [0.9, 0.5, 0.3, 0.2, 0.1].map((least) => ({ least, f1: f1At(least) }));
        const most = Math.max(...tried.map(({ f1 }) => f1));
        expect(cut.f1).toBeCloseTo(most, 12);
        if (most > 0) expect(f1At(cut.score)).toBeCloseTo(most, 12);
        const { precision, recall } = cut;
        if (most > 0) expect((2 * precision * recall) / (precision + recall)).toBeCloseTo(most, 12);
      }),
      { numRuns: 200, seed: 26 },
    );
  });

  it('is 0 where nothing was found', () => {
    const truths: ObjectTruths = {
      ...{ count: 1, classes: ['a'], objects: () => [] },
      image: () => ({ id: 0, width: 1, height: 1 }),
    };
    expect(bestCut(truths, [])).toEqual({ score: 0, precision: 0, recall: 0, f1: 0 });
  });
});
