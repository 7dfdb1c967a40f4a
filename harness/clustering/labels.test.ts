import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stream } from '../random/stream.ts';
import { clusterMetrics, labelChange, lossWeights, sizesOf, uniformOrder } from './labels.ts';

const labels = fc
  .array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 40 })
  .map((list) => Int32Array.from(list));

describe('weights of classes', () => {
  // docs/reference/methods.md, section 15
  it('are the check values for counts 20, 80, 400', () => {
    const weights = lossWeights(Int32Array.of(20, 80, 400), 0.5, 1e-5);
    [0.58017868, 0.29008939, 0.12973193].forEach((x, i) => {
      expect(weights[i]).toBeCloseTo(x, 7);
    });
  });
});

describe('the change between two clusterings', () => {
  it('is nothing when clusters are only numbered anew', () => {
    fc.assert(
      fc.property(labels, (before) => {
        const { reassigned, nmi } = labelChange(
          before,
          before.map((label) => 6 - label),
        );
        expect(reassigned).toBeCloseTo(0, 12);
        expect(nmi).toBeCloseTo(1, 12);
      }),
      { seed: 1 },
    );
  });

  it('has the values of a table done by hand', () => {
    // Two old clusters of 4; one sample of the second has gone to the first.
    const before = Int32Array.of(0, 0, 0, 0, 1, 1, 1, 1);
    const after = Int32Array.of(5, 5, 5, 5, 5, 2, 2, 2);
    const { reassigned, nmi } = labelChange(before, after);
    expect(reassigned).toBeCloseTo(1 / 8, 12);
    const h = (...counts: number[]) =>
      -counts.reduce((sum, n) => sum + (n / 8) * Math.log(n / 8), 0);
    const information = h(4, 4) + h(5, 3) - h(4, 1, 3);
    expect(nmi).toBeCloseTo(information / Math.sqrt(h(4, 4) * h(5, 3)), 12);
    // Independent: no information.
    const crossed = labelChange(Int32Array.of(0, 0, 1, 1), Int32Array.of(0, 1, 0, 1));
    expect(crossed.nmi).toBeCloseTo(0, 12);
    expect(crossed.reassigned).toBeCloseTo(0.5, 12);
  });
});

it('sizes are told as counts and entropy', () => {
  expect(clusterMetrics(Int32Array.of(3, 3, 3))).toEqual({
    clusters_empty: 0,
    clusters_smallest: 3,
    clusters_largest: 3,
    clusters_entropy: 1,
  });
  expect(clusterMetrics(Int32Array.of(9, 0, 0))).toEqual({
    clusters_empty: 2,
    clusters_smallest: 0,
    clusters_largest: 9,
    clusters_entropy: 0,
  });
});

describe('sampling uniformly over clusters', () => {
  it('takes as many of each cluster, again and again from small ones', () => {
    fc.assert(
      fc.property(labels, fc.integer({ min: 7, max: 9 }), (own, clusters) => {
        const order = uniformOrder(own, clusters, stream(1, 'order'));
        expect(order.length).toBe(own.length);
        const each = Math.floor(own.length / clusters) + 1;
        const drawn = sizesOf(
          order.map((i) => own[i] ?? 0),
          clusters,
        );
        const filled = sizesOf(own, clusters).filter((size) => size > 0).length;
        if (filled * each >= own.length) expect(Math.max(...drawn)).toBeLessThanOrEqual(each);
        const sizes = sizesOf(own, clusters);
        // Without replacement where there are enough.
        const seen = sizesOf(order, own.length);
        own.forEach((label, i) => {
          if ((sizes[label] ?? 0) > each && filled * each >= own.length)
            expect(seen[i]).toBeLessThanOrEqual(1);
        });
      }),
      { seed: 2 },
    );
  });

  it('reaches every cluster where the epoch is long enough', () => {
    const own = Int32Array.from({ length: 1000 }, (_, i) => (i < 980 ? 0 : 1 + (i % 9)));
    const order = uniformOrder(own, 10, stream(1, 'order'));
    const drawn = sizesOf(
      order.map((i) => own[i] ?? 0),
      10,
    );
    expect(Math.min(...drawn)).toBeGreaterThan(80);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(101);
  });
});
