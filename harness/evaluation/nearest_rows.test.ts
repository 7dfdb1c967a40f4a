import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildKernels } from '../data/kernels/build.ts';
import { startEngine } from '../engine/index.ts';
import { stream } from '../random/stream.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import { Candidates, nthLargest } from './candidates.ts';
import { ProductKernel } from './kernels/products.ts';
import { knnVotes } from './knn.ts';
import { knnBytes, knnPlan } from './knn_plan.ts';
import { nearestRows } from './nearest_rows.ts';
import { inMemory, type RowSource } from './row_source.ts';
import { SIMILARITIES } from './similarity.ts';

beforeAll(async () => {
  await startEngine();
});

const golden = join(fileURLToPath(import.meta.url), '../../../golden/evaluation');
const { tensors } = readSafetensors(join(golden, 'neighbours.safetensors'));
const floats = (name: string) => tensors.get(name)?.data as Float32Array;

const rowsOf = (features: Float32Array, width: number) => inMemory({ features, width });

/** Rows that come from disk come as copies, and never more than were asked for. */
function onDisk(features: Float32Array, width: number): RowSource {
  return {
    count: features.length / width,
    width,
    rows: async (first, count) => features.slice(first * width, (first + count) * width),
  };
}

describe('against scikit-learn', () => {
  const train = floats('train');
  const test = floats('test');

  it.each(SIMILARITIES)('%s', async (metric) => {
    const found = await nearestRows(rowsOf(train, 37), rowsOf(test, 37), { k: 50, metric });
    const places = floats(`${metric}.places`);
    const expected = floats(`${metric}.similarities`);
    const near = (i: number) => 1e-7 * Math.max(1, Math.abs(expected[i] ?? 0));
    for (const [i, similarity] of found.similarities.entries())
      expect(Math.abs(similarity - (expected[i] ?? Number.NaN))).toBeLessThan(near(i));
    // Unit rows are rounded to 2^-26: two cosines that are nearer to each other may change places.
    const apart = [...found.indices.keys()].filter((i) => found.indices[i] !== places[i]);
    expect(apart.length).toBeLessThanOrEqual(metric === 'cosine' ? 4 : 0);
    for (const i of apart) {
      const other = found.indices.indexOf(places[i] ?? -1, i - (i % 50));
      expect(Math.abs((expected[i] ?? 0) - (expected[other] ?? 0))).toBeLessThan(1e-8);
    }
  });

  it('votes that all count the same', async () => {
    const labels = tensors.get('train_labels')?.data as Int32Array;
    const options = { k: 20, metric: 'euclidean' } as const;
    const found = await nearestRows(rowsOf(train, 37), rowsOf(test, 37), options);
    const shares = knnVotes(found, labels, 6, 0.07, 'uniform');
    const expected = floats('uniform.shares');
    for (const [i, share] of shares.entries()) expect(share).toBeCloseTo(expected[i] ?? -1, 12);
  });
});

/** All similarities of a query, sorted; equal ones by place. In float64, by the definition. */
function slowly(metric: string, train: readonly number[][], query: readonly number[]) {
  const dot = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
  const ways: Record<string, (row: number[]) => number> = {
    dot: (row) => dot(row, query),
    euclidean: (row) => -Math.hypot(...row.map((x, i) => x - (query[i] ?? 0))),
    cosine: (row) => {
      const scale = Math.hypot(...row) * Math.hypot(...query);
      return scale === 0 ? 0 : dot(row, query) / scale;
    },
  };
  const way = ways[metric];
  if (way === undefined) throw new Error(metric);
  return train.map((row, place) => ({ place, value: way(row) })).sort((a, b) => b.value - a.value);
}

const problem = fc
  .record({ width: fc.integer({ min: 1, max: 6 }), count: fc.integer({ min: 1, max: 24 }) })
  .chain(({ width, count }) => {
    const row = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: width, maxLength: width });
    return fc.record({
      metric: fc.constantFrom(...SIMILARITIES),
      width: fc.constant(width),
      train: fc.array(row, { minLength: count, maxLength: count }),
      test: fc.array(row, { minLength: 1, maxLength: 5 }),
      k: fc.integer({ min: 1, max: count }),
      bank: fc.integer({ min: 1, max: 8 }),
      queries: fc.integer({ min: 1, max: 3 }),
      resident: fc.constantFrom(0, 2 ** 30),
    });
  });

describe('against plain loops', () => {
  it('finds the same rows by every measure, in memory and in parts', async () => {
    await fc.assert(
      fc.asyncProperty(problem, async ({ train, test, width, ...options }) => {
        const { k, metric } = options;
        const found = await nearestRows(
          onDisk(Float32Array.from(train.flat()), width),
          rowsOf(Float32Array.from(test.flat()), width),
          options,
        );
        for (const [i, query] of test.entries()) {
          const expected = slowly(metric, train, query);
          const values = new Map(expected.map(({ place, value }) => [place, value]));
          const own = [...found.indices.subarray(i * k, (i + 1) * k)];
          expect(new Set(own).size).toBe(k);
          for (const [rank, place] of own.entries())
            expect(values.get(place)).toBeCloseTo(expected[rank]?.value ?? Number.NaN, 6);
          // Products of whole numbers are exact, so that ties are ties: by place.
          if (metric === 'dot') expect(own).toEqual(expected.slice(0, k).map(({ place }) => place));
        }
      }),
      { seed: 9, numRuns: 30 },
    );
  });
});

describe('bits', () => {
  const drawn = (name: string, count: number, scale = 1, offset = 0) => {
    const draws = stream(1, 'rows', name);
    return Float32Array.from({ length: count * 40 }, () => offset + scale * draws.normal());
  };

  it.each(SIMILARITIES)('do not depend on how the search is cut: %s', async (metric) => {
    const [train, test] = [drawn('train', 3000), drawn('test', 70)];
    const whole = await nearestRows(rowsOf(train, 40), rowsOf(test, 40), { k: 60, metric });
    for (const cut of [
      { bank: 700, queries: 17, threads: 1 },
      { bank: 999, resident: 0, threads: 2 },
      { bank: 100, resident: 0, queries: 3, threads: 3 },
    ]) {
      const parts = await nearestRows(onDisk(train, 40), onDisk(test, 40), {
        k: 60,
        metric,
        ...cut,
      });
      expect(parts).toEqual(whole);
    }
  });

  it.each(SIMILARITIES)(
    'are those of a whole comparison where all rows are alike: %s',
    async (metric) => {
      // A spread that float32 products do not tell apart, and two thousand times the same row.
      const near = drawn('near', 2000, 1e-7, 1);
      const train = new Float32Array(4000 * 40).fill(2);
      train.set(near, 1000 * 40);
      const options = { k: 5, metric };
      const found = await nearestRows(rowsOf(train, 40), rowsOf(near.subarray(0, 80), 40), options);
      const again = await nearestRows(rowsOf(train, 40), rowsOf(near.subarray(0, 80), 40), {
        ...options,
        bank: 333,
        resident: 0,
      });
      expect(again).toEqual(found);
      const same = new Float32Array(40).fill(2);
      const equal = rowsOf(new Float32Array(4000 * 40).fill(2), 40);
      const { indices } = await nearestRows(equal, rowsOf(same, 40), options);
      expect([...indices]).toEqual([0, 1, 2, 3, 4]);
    },
  );
});

describe('the kernel', () => {
  it('is built from its source', async () => {
    const folder = fileURLToPath(new URL('kernels', import.meta.url));
    const built = await buildKernels({ folder, entry: 'products', flags: ['--importMemory'] });
    expect(Buffer.compare(readFileSync(join(folder, 'products.wasm')), built)).toBe(0);
  });

  it.each([1, 3, 4, 7, 64])('gives the products of a plain loop, width %i', (width) => {
    const draws = stream(2, 'kernel');
    const row = () => Int32Array.from({ length: width }, () => draws.int(-(2 ** 24), 2 ** 24));
    const rows = Array.from({ length: 9 }, row);
    const kernel = new ProductKernel(9, width, 9);
    for (const [place, one] of rows.entries()) kernel.set(one, place);
    const query = row();
    for (const places of [[], [8], [3, 1], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8]]) {
      const expected = places.map((place) =>
        Array.from(rows[place] ?? []).reduce((sum, x, i) => sum + x * (query[i] ?? 0), 0),
      );
      const moved = Int32Array.from(places, (place) => place + 100);
      expect([...kernel.products(query, moved, 100)]).toEqual(expected);
    }
  });
});

describe('candidates', () => {
  it('nthLargest is what sorting gives', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 30 }),
        (all) => {
          const sorted = all.toSorted((a, b) => b - a);
          for (const n of all.keys())
            expect(nthLargest(Float32Array.from(all), all.length, n)).toBe(sorted[n]);
        },
      ),
      { seed: 1 },
    );
  });

  it('keeps everything that the k-th best cannot be told from', () => {
    const scores = Float32Array.from({ length: 5000 }, (_, i) => ((i * 7919) % 5000) / 5000);
    const candidates = new Candidates(3, Float64Array.of(0.00049));
    candidates.offer(0, scores, 0, 5000, 10);
    candidates.thin(0);
    const kept = candidates.places.subarray(0, candidates.counts[0]);
    const expected = [...scores.keys()].filter((i) => (scores[i] ?? 0) >= 0.99842);
    expect([...kept]).toEqual(expected.map((i) => i + 10));
  });
});

describe('memory', () => {
  const GIB = 2 ** 30;

  it('of ImageNet in ResNet-50 features is bounded, whatever stays', () => {
    const size = { references: 1_281_167, queries: 50_000, width: 2048, k: 200 };
    const plan = knnPlan(size);
    expect(plan.resident).toBe(false);
    expect(knnBytes(plan, size)).toBeLessThan(4 * GIB);
    const all = knnPlan(size, { resident: 22 * GIB });
    expect(all.resident).toBe(true);
    expect(knnBytes(all, size)).toBeLessThan(24 * GIB);
  });

  it('of a hundred million references is that of one', () => {
    const size = { references: 1e8, queries: 50_000, width: 2048, k: 200 };
    expect(knnBytes(knnPlan(size), size)).toBeLessThan(4 * GIB);
  });
});

describe('refuses', () => {
  const rows = rowsOf(Float32Array.of(1, 2, 3, 4), 2);
  it.each<[string, RowSource, number, RegExp]>([
    ['k beyond the references', rows, 3, /k is 3, but there are only 2 references/],
    ['a k that is none', rows, 0, /k is 0; expected a whole number/],
    ['another width', rowsOf(Float32Array.of(1), 1), 1, /2 values a row, the queries 1/],
    ['NaN', rowsOf(Float32Array.of(1, 2, Number.NaN, 1), 2), 1, /row 1 of the queries holds NaN/],
  ])('%s', async (_, queries, k, message) => {
    await expect(nearestRows(rows, queries, { k })).rejects.toThrow(message);
  });

  it.each(SIMILARITIES)('references that are not finite: %s', async (metric) => {
    const bad = rowsOf(Float32Array.of(1, 2, Number.POSITIVE_INFINITY, 4), 2);
    await expect(nearestRows(bad, rows, { k: 1, metric })).rejects.toThrow(
      /row 1 of the references holds Infinity/,
    );
  });

  it('to go on once it is stopped', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(nearestRows(rows, rows, { k: 1, signal })).rejects.toThrow('enough');
  });
});
