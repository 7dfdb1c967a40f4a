import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stream } from '../../harness/random/stream.ts';
import { decodeBoxes, encodeBoxes } from './box_coder.ts';
import { clipped, nonEmpty, pairwiseIou } from './boxes.ts';
import { matched } from './matcher.ts';
import { proposals } from './proposals.ts';
import { drawRegions, regionDeltas } from './roi_head.ts';
import { sampled } from './sampling.ts';

const coordinate = fc.integer({ min: -20, max: 60 });
const length = fc.integer({ min: 1, max: 50 });
const box = fc
  .tuple(coordinate, coordinate, length, length)
  .map(([x, y, w, h]) => [x, y, x + w, y + h]);
const boxes = (minLength: number) =>
  fc.array(box, { minLength, maxLength: 12 }).map((rows) => Float32Array.from(rows.flat()));

describe('boxes', () => {
  it('encoding and decoding are inverse', () => {
    const pairs = fc.array(fc.tuple(box, box), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(pairs, (rows) => {
        const from = Float32Array.from(rows.flatMap(([a]) => a));
        const to = Float32Array.from(rows.flatMap(([, b]) => b));
        const found = decodeBoxes(encodeBoxes(from, to, [10, 10, 5, 5]), from, [10, 10, 5, 5]);
        for (const [k, value] of found.entries())
          expect(Math.abs(value - (to[k] ?? 0))).toBeLessThan(1e-4);
      }),
      { seed: 1 },
    );
  });

  it('a box grows no more than 1000 / 16 times, whatever the weight', () => {
    const grown = decodeBoxes(
      Float32Array.of(0, 0, 100, 5),
      Float32Array.of(0, 0, 16, 16),
      [1, 1, 5, 1],
    );
    expect((grown[2] ?? 0) - (grown[0] ?? 0)).toBeCloseTo(1000, 2);
    expect((grown[3] ?? 0) - (grown[1] ?? 0)).toBeCloseTo(1000, 2);
  });

  it('boxes that share nothing have IoU 0, empty ones too', () => {
    const empty = Float32Array.of(1, 1, 1, 1);
    expect([...pairwiseIou(empty, empty)]).toEqual([0]);
    expect([...pairwiseIou(Float32Array.of(0, 0, 2, 2), Float32Array.of(1, 0, 3, 2))]).toEqual([
      Math.fround(1 / 3),
    ]);
  });

  it('clipping ends at the image without its padding', () => {
    const inside = clipped(Float32Array.of(-1, -1, 9, 9, 8, 8, 9, 9), [5, 7]);
    expect([...inside]).toEqual([0, 0, 7, 5, 7, 5, 7, 5]);
    expect([...nonEmpty(inside)]).toEqual([1, 0]);
  });
});

describe('the matcher', () => {
  const spec = { thresholds: [0.3, 0.7], labels: [0, -1, 1], lowQuality: true } as const;

  it('does what its definition says', () => {
    fc.assert(
      fc.property(boxes(1), boxes(1), (truths, all) => {
        const { truth, label } = matched(truths, all, spec);
        const [rows, count] = [truths.length / 4, all.length / 4];
        const iou = pairwiseIou(truths, all);
        const at = (g: number, i: number) => iou[g * count + i] ?? 0;
        for (let i = 0; i < count; i++) {
          const own = Array.from({ length: rows }, (_, g) => at(g, i));
          const best = Math.max(...own);
          expect(truth[i]).toBe(own.indexOf(best));
          const nearest = own.some(
            (value, g) => value === Math.max(...Array.from({ length: count }, (_, k) => at(g, k))),
          );
          const byBounds = best >= Math.fround(0.7) ? 1 : best >= Math.fround(0.3) ? -1 : 0;
          expect(label[i]).toBe(nearest ? 1 : byBounds);
        }
      }),
      { seed: 2 },
    );
  });

  it('a ground truth that meets no box makes all positive', () => {
    const { label } = matched(Float32Array.of(90, 90, 99, 99), Float32Array.of(0, 0, 9, 9), spec);
    expect([...label]).toEqual([1]);
  });
});

describe('samples', () => {
  it('hold the share of positives, repeat nothing, and come again', () => {
    const labels = fc.array(fc.constantFrom(1, 0, -1), { maxLength: 40 });
    fc.assert(
      fc.property(labels, fc.integer({ min: 1, max: 30 }), (all, count) => {
        const spec = { count, positiveFraction: 0.25 };
        const draw = () => sampled(all, spec, stream(1, 'sample', 3));
        const { positive, negative } = draw();
        const have = (wanted: number) => all.filter((label) => label === wanted).length;
        const own = Math.min(have(1), Math.floor(count / 4));
        expect(positive.length).toBe(own);
        expect(negative.length).toBe(Math.min(have(0), count - own));
        expect(new Set([...positive, ...negative]).size).toBe(positive.length + negative.length);
        for (const i of positive) expect(all[i]).toBe(1);
        for (const i of negative) expect(all[i]).toBe(0);
        expect(draw()).toEqual({ positive, negative });
      }),
      { seed: 3 },
    );
  });

  it('every candidate is drawn about equally often', () => {
    const times = new Int32Array(10);
    for (let k = 0; k < 2000; k++)
      for (const i of sampled(new Uint8Array(10), { count: 3, positiveFraction: 0.5 }, stream(1, k))
        .negative)
        times[i] = (times[i] ?? 0) + 1;
    for (const seen of times) expect(Math.abs(seen - 600)).toBeLessThan(100); // five deviations
  });
});

describe('regions', () => {
  const spec = {
    count: 4,
    positiveFraction: 0.5,
    threshold: 0.5,
    coderWeights: [10, 10, 5, 5],
  } as const;

  it('objects come first with their class, background has the last index and no target', () => {
    const truths = Float32Array.of(0, 0, 10, 10, 50, 50, 60, 60);
    const proposed = Float32Array.of(0, 0, 10, 9, 30, 30, 40, 40, 31, 30, 40, 40);
    const drawn = drawRegions(proposed, truths, [3, 7], 20, spec, stream(1, 'regions'));
    expect([...drawn.classes].slice(2)).toEqual([20, 20]);
    expect([...drawn.index].slice(2).sort()).toEqual([1, 2]);
    for (const k of [0, 1]) {
      const own = drawn.index[k] ?? -1;
      expect(drawn.classes[k]).toBe(own === 4 ? 7 : 3);
    }
    expect([...regionDeltas(drawn, 20, spec).slice(8)]).toEqual(new Array(8).fill(0));
  });

  it('half of an object shows it, less does not', () => {
    const truths = Float32Array.of(0, 0, 10, 10);
    const proposed = Float32Array.of(0, 0, 10, 5, 0, 0, 10, 4.75);
    const drawn = drawRegions(proposed, truths, [3], 20, spec, stream(1, 'half'));
    const classes = [...drawn.index].map((row, k) => [row, drawn.classes[k]]);
    expect(classes.sort()).toEqual([
      [0, 3],
      [1, 20],
      [2, 3],
    ]);
  });

  it('an image without objects gives background alone', () => {
    const proposed = Float32Array.of(0, 0, 10, 9, 30, 30, 40, 40);
    const drawn = drawRegions(proposed, new Float32Array(), [], 20, spec, stream(1, 'none'));
    expect([...drawn.classes]).toEqual([20, 20]);
    expect([...regionDeltas(drawn, 20, spec)]).toEqual(new Array(8).fill(0));
  });
});

describe('proposals', () => {
  it('go by falling logit, equal ones by place, without empty and non-finite ones', () => {
    const anchors = Float32Array.of(
      0,
      0,
      4,
      4,
      8,
      0,
      12,
      4,
      16,
      0,
      20,
      4,
      40,
      0,
      44,
      4,
      24,
      0,
      28,
      4,
    );
    const deltas = new Float32Array(20);
    deltas[16] = Number.NaN;
    const spec = { before: 5, after: 2, threshold: 0.7, minSize: 0 };
    const { boxes, logits } = proposals(
      Float32Array.of(1, 2, 2, 9, 8),
      deltas,
      anchors,
      [30, 30],
      spec,
    );
    expect([...logits]).toEqual([2, 2]);
    expect([...boxes]).toEqual([8, 0, 12, 4, 16, 0, 20, 4]);
  });
});
