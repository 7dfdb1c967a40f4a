import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { stream } from '../random/stream.ts';
import { type Membership, refillSmall } from './refill.ts';
import { secondHalf, twoMeans } from './two_means.ts';

/** One feature a sample: its own number; the best cluster is the open one with the nearest number. */
function membership(labels: Int32Array, clusters: number): Membership {
  return {
    clusters,
    labels,
    rows: async (samples) => ({
      count: samples.length,
      width: 1,
      data: Float32Array.from(samples),
    }),
    best: async (samples, closed) =>
      samples.map((sample) => {
        const open = [...Array(clusters).keys()].filter((cluster) => !closed.has(cluster));
        const gap = (cluster: number) => Math.abs((sample % clusters) - cluster);
        return open.reduce((a, b) => (gap(b) < gap(a) ? b : a));
      }),
    halve: (features, samples, n) => secondHalf(samples, twoMeans(features, stream(3, n))),
  };
}

const sizesOf = (labels: Int32Array, clusters: number) =>
  Array.from({ length: clusters }, (_, c) => labels.filter((label) => label === c).length);

describe('refilling small clusters', () => {
  it('leaves none empty and touches no one else', async () => {
    const problem = fc.record({
      clusters: fc.integer({ min: 2, max: 8 }),
      minimum: fc.integer({ min: 1, max: 4 }),
      labels: fc.array(fc.nat(), { minLength: 40, maxLength: 60 }),
    });
    await fc.assert(
      fc.asyncProperty(problem, async ({ clusters, minimum, labels }) => {
        const before = Int32Array.from(labels, (x) => Math.min(x % (clusters + 3), clusters - 1));
        const after = before.slice();
        const { small, moved, centroids } = await refillSmall(membership(after, clusters), minimum);
        const sizes = sizesOf(before, clusters);
        expect(small).toEqual([...sizes.keys()].filter((c) => (sizes[c] ?? 0) < minimum));
        expect(moved).toBe(small.reduce((sum, c) => sum + (sizes[c] ?? 0), 0));
        if (small.length > 0) expect(Math.min(...sizesOf(after, clusters))).toBeGreaterThan(0);
        else expect(after).toEqual(before);
        for (const [cluster, mean] of centroids) {
          const members = [...after.keys()].filter((sample) => after[sample] === cluster);
          const sum = members.reduce((a, b) => a + b, 0);
          // A half that was split again has its last mean.
          expect(mean[0]).toBeCloseTo(sum / members.length, 3);
        }
      }),
      { numRuns: 100, seed: 2 },
    );
  });

  it('gives members to other clusters before it splits the largest, the first of equals', async () => {
    const labels = Int32Array.of(0, 0, 0, 0, 1, 2, 2, 2, 2, 3, 3);
    const asked: (readonly number[])[] = [];
    const { small, centroids } = await refillSmall(
      {
        ...membership(labels, 4),
        best: async (samples, closed) => {
          expect([...samples]).toEqual([4, 9, 10]);
          expect([...closed]).toEqual([1, 3]);
          return Int32Array.of(2, 0, 2);
        },
        halve: (features, samples) => {
          asked.push([...samples]);
          return samples.slice(Math.floor(features.count / 2));
        },
      },
      3,
    );
    expect(small).toEqual([1, 3]);
    // 2 has six by then; split, it leaves 0 as the largest.
    expect(asked).toEqual([
      [4, 5, 6, 7, 8, 10],
      [0, 1, 2, 3, 9],
    ]);
    expect([...labels]).toEqual([0, 0, 3, 3, 2, 2, 2, 1, 1, 3, 1]);
    expect([...centroids.keys()]).toEqual([2, 1, 0, 3]);
    expect(centroids.get(2)).toEqual(Float32Array.of(5));
  });

  it('refuses what cannot be mended', async () => {
    const all = membership(Int32Array.of(0, 1, 1), 2);
    await expect(refillSmall(all, 3)).rejects.toThrow(UserError);
    await expect(refillSmall(all, 3)).rejects.toThrow('all 2 have fewer than 3 of the 3 samples');
    const sick = { ...membership(Int32Array.of(0, 0, 0, 1), 2) };
    const rows = async () => ({ count: 3, width: 1, data: Float32Array.of(1, Number.NaN, 2) });
    await expect(refillSmall({ ...sick, rows }, 2)).rejects.toThrow('not a finite number');
  });
});
