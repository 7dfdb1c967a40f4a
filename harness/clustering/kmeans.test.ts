import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../engine/index.ts';
import { fillNormal, stream } from '../random/stream.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import { type Clustering, type KMeansOptions, kMeans } from './kmeans.ts';

const folder = fileURLToPath(new URL('../../golden/clustering', import.meta.url));
const { tensors } = readSafetensors(join(folder, 'kmeans.safetensors'));
const numbers = (name: string) => Array.from(tensors.get(name)?.data ?? [], Number);
const points = Float32Array.from(numbers('points'));
const init = Float32Array.from(numbers('init'));
const WIDTH = 12;

const options = (changes: Partial<KMeansOptions> = {}): KMeansOptions => ({
  clusters: 20,
  iterations: 20,
  init: 'points',
  threads: 0,
  stream: (purpose) => stream(0, 'test', purpose),
  ...changes,
});

function normal(seed: number, count: number): Float32Array {
  return fillNormal(stream(seed, 'points'), new Float32Array(count), 1);
}

/** Bits of everything that came out. */
const bitsOf = ({ labels, centroids, ...rest }: Clustering) => ({
  ...rest,
  labels: [...labels],
  centroids: [...centroids],
  sizes: [...rest.sizes],
});

beforeAll(startEngine);

describe('k-means', () => {
  it.each([1, 5, 20, 300])('comes to what scikit-learn has after %i moves', async (iterations) => {
    const found = await kMeans(points, WIDTH, options({ init, iterations }));
    const [inertia = 0] = numbers(`inertia.${iterations}`);
    expect(Math.abs(found.inertia / inertia - 1)).toBeLessThan(1e-4);
    expect([...found.labels]).toEqual(numbers(`labels.${iterations}`));
    const centroids = numbers(`centroids.${iterations}`);
    const apart = centroids.map((x, i) => Math.abs(x - (found.centroids[i] ?? 0)));
    // scikit-learn moves the centroids once more only where it has not come to rest.
    expect(Math.max(...apart)).toBeLessThan(1e-5);
  });

  it('stops where no point changes its cluster, with the same result', async () => {
    const found = await kMeans(points, WIDTH, options({ init, iterations: 300 }));
    expect(found.iterations).toBeLessThan(60);
    const more = await kMeans(points, WIDTH, options({ init, iterations: found.iterations + 5 }));
    expect(bitsOf(more)).toEqual(bitsOf(found));
  });

  it('has the same bits on one thread and on several, and with the same seed alone', async () => {
    const values = normal(1, 3000 * 24);
    const one = { clusters: 700, iterations: 4, init: 'k-means++' as const };
    const bits = async (changes: Partial<KMeansOptions>) =>
      bitsOf(await kMeans(values, 24, options({ ...one, ...changes })));
    const first = await bits({ threads: 1 });
    expect(await bits({ threads: 2 })).toEqual(first);
    const other = await bits({ stream: (purpose) => stream(1, 'test', purpose) });
    expect(other.labels).not.toEqual(first.labels);
  });

  it('begins with k-means++ as well as scikit-learn does', async () => {
    const theirs = numbers('inertia.k-means++');
    const ours: number[] = [];
    for (let seed = 0; seed < 12; seed++) {
      const draws = (purpose: string) => stream(seed, 'test', purpose);
      const found = await kMeans(points, WIDTH, options({ init: 'k-means++', stream: draws }));
      ours.push(found.inertia);
    }
    const mean = (list: number[]) => list.reduce((sum, x) => sum + x, 0) / list.length;
    const sorted = [...theirs].sort((a, b) => a - b);
    expect(mean(ours)).toBeLessThan(sorted[26] ?? 0); // of 30
    expect(mean(ours)).toBeGreaterThan(sorted[0] ?? 0);
  });

  it('gives each point to its nearest centroid, each centroid the mean of its points', async () => {
    const shape = fc.record({
      count: fc.integer({ min: 1, max: 60 }),
      width: fc.integer({ min: 1, max: 5 }),
      seed: fc.integer({ min: 0, max: 1000 }),
    });
    await fc.assert(
      fc.asyncProperty(shape, fc.integer({ min: 1, max: 12 }), async (one, most) => {
        const { count, width, seed } = one;
        const values = normal(seed, count * width);
        const clusters = Math.min(most, count);
        const found = await kMeans(values, width, options({ clusters, iterations: 200 }));
        const at = (from: Float32Array, row: number) =>
          Array.from(from.subarray(row * width, (row + 1) * width));
        const distance = (i: number, c: number) =>
          at(values, i).reduce((sum, x, d) => sum + (x - (at(found.centroids, c)[d] ?? 0)) ** 2, 0);
        const all = Array.from({ length: clusters }, (_, c) => c);
        for (let i = 0; i < count; i++) {
          const least = Math.min(...all.map((c) => distance(i, c)));
          expect(distance(i, found.labels[i] ?? 0)).toBeLessThan(least + 1e-4);
        }
        for (const c of all) {
          const own = Array.from({ length: count }, (_, i) => i).filter(
            (i) => found.labels[i] === c,
          );
          expect(found.sizes[c]).toBe(own.length);
          if (own.length === 0) continue;
          const mean = at(values, 0).map(
            (_, d) => own.reduce((sum, i) => sum + (at(values, i)[d] ?? 0), 0) / own.length,
          );
          mean.forEach((x, d) => {
            expect(Math.abs(x - (at(found.centroids, c)[d] ?? 0))).toBeLessThan(1e-4);
          });
        }
      }),
      { numRuns: 12, seed: 1 },
    );
  });

  it('splits large clusters where some run empty, and counts it', async () => {
    // All first centroids but one lie far from every point.
    const far = Float32Array.from({ length: 8 * WIDTH }, (_, i) => (i < WIDTH ? 0 : 1000 + i));
    const found = await kMeans(points, WIDTH, options({ clusters: 8, init: far, iterations: 40 }));
    expect(found.splits).toBeGreaterThanOrEqual(7);
    expect(found.empty).toBe(0);
    expect(Math.min(...found.sizes)).toBeGreaterThan(10);
  });

  it('reports clusters that stay empty: more clusters than different points', async () => {
    const twice = Float32Array.from([1, 2, 1, 2, 1, 2, 5, 5]); // of width 2
    const found = await kMeans(twice, 2, options({ clusters: 4, iterations: 3 }));
    expect([...found.sizes].sort()).toEqual([0, 0, 1, 3]);
    expect(found.empty).toBe(2);
    expect(found.inertia).toBeLessThan(1e-5);
  });

  it.each([
    ['more clusters than points', new Float32Array(10), 5, 'clustering: 20 clusters of 2 points'],
    [
      'a NaN',
      Float32Array.from({ length: 60 }, (_, i) => (i === 37 ? Number.NaN : i)),
      3,
      'row 12 of 20 has NaN in column 1',
    ],
    ['rows that do not fit', new Float32Array(7), 3, '7 numbers are no rows of 3'],
    ['no rows', new Float32Array(0), 3, '0 numbers are no rows of 3'],
  ])('refuses %s', async (_, values, width, message) => {
    await expect(kMeans(values, width, options())).rejects.toThrow(message);
  });
});
