import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../engine/index.ts';
import { stream } from '../random/stream.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import { knnTop1, knnVotes } from './knn.ts';
import { nearestRows, type SearchOptions } from './nearest_rows.ts';
import { inMemory } from './row_source.ts';
import type { LabelledFeatures } from './rows.ts';

beforeAll(async () => {
  await startEngine();
});

const golden = join(fileURLToPath(import.meta.url), '../../../golden/evaluation');

type Rows = Pick<LabelledFeatures, 'features' | 'width'>;

function neighbours(train: Rows, test: Rows, options: SearchOptions) {
  return nearestRows(inMemory(train), inMemory(test), options);
}

function rowsOf(features: Float32Array, width: number, labels: Int32Array = new Int32Array()) {
  return { features, width, labels };
}

function drawn(name: string, count: number, width: number): Float32Array {
  const draws = stream(1, 'knn', name);
  return Float32Array.from({ length: count * width }, () => draws.normal());
}

describe('against scikit-learn', () => {
  const { tensors } = readSafetensors(join(golden, 'knn.safetensors'));
  const cases = [...tensors.keys()].filter((name) => name.startsWith('shares.'));
  const floats = (name: string) => tensors.get(name)?.data as Float32Array;
  const labels = tensors.get('train_labels')?.data as Int32Array;

  it('has cases', () => expect(cases.length).toBe(4));

  it.each(cases)('%s', async (name) => {
    const [, k = '', whole, part] = name.split('.');
    const train = rowsOf(floats('train'), 24, labels);
    const near = await neighbours(train, rowsOf(floats('test'), 24), { k: Number(k) });
    const votes = knnVotes(near, labels, 5, Number(`${whole}.${part}`));
    const expected = tensors.get(name)?.data as Float64Array;
    expect(votes.length).toBe(expected.length);
    const apart = votes.map((vote, i) => Math.abs(vote - (expected[i] ?? Number.NaN)));
    expect(Math.max(...apart)).toBeLessThan(1e-6);
  });
});

interface Ranked {
  readonly index: number;
  readonly cosine: number;
}

/** Wu et al., section 3.4, row by row: cosines of all rows, sorted; votes added class by class. */
function slowly(
  train: readonly (readonly number[])[],
  labels: readonly number[],
  row: readonly number[],
  k: number,
  temperature: number,
): { ranked: Ranked[]; votes: number[] } {
  const length = (x: readonly number[]) => Math.hypot(...x);
  const ranked = train.map((other, index) => {
    const dot = other.reduce((sum, x, i) => sum + x * (row[i] ?? 0), 0);
    const scale = length(other) * length(row);
    return { index, cosine: scale === 0 ? 0 : dot / scale };
  });
  ranked.sort((a, b) => b.cosine - a.cosine);
  const votes = [0, 0, 0];
  for (const { index, cosine } of ranked.slice(0, k)) {
    const label = labels[index] ?? 0;
    votes[label] = (votes[label] ?? 0) + Math.exp(cosine / temperature);
  }
  const total = votes.reduce((a, b) => a + b);
  return { ranked, votes: votes.map((vote) => vote / total) };
}

describe('against plain loops', () => {
  const problem = fc
    .record({ width: fc.integer({ min: 1, max: 6 }), count: fc.integer({ min: 1, max: 20 }) })
    .chain(({ width, count }) => {
      const row = fc.array(fc.integer({ min: -8, max: 8 }), { minLength: width, maxLength: width });
      return fc.record({
        width: fc.constant(width),
        train: fc.array(row, { minLength: count, maxLength: count }),
        labels: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: count, maxLength: count }),
        test: fc.array(row, { minLength: 1, maxLength: 5 }),
        k: fc.integer({ min: 1, max: count }),
        temperature: fc.constantFrom(0.05, 0.1, 1),
        bank: fc.integer({ min: 1, max: 8 }),
        queries: fc.integer({ min: 1, max: 3 }),
      });
    });

  it('finds the same rows and votes', async () => {
    await fc.assert(
      fc.asyncProperty(problem, async (p) => {
        const train = rowsOf(Float32Array.from(p.train.flat()), p.width);
        const test = rowsOf(Float32Array.from(p.test.flat()), p.width);
        const near = await neighbours(train, test, p);
        const votes = knnVotes(near, Int32Array.from(p.labels), 3, p.temperature);
        for (const [i, row] of p.test.entries()) {
          const { ranked, votes: expected } = slowly(p.train, p.labels, row, p.k, p.temperature);
          const cosineOf = new Map(ranked.map(({ index, cosine }) => [index, cosine]));
          const found = near.indices.subarray(i * p.k, (i + 1) * p.k);
          expect(new Set(found).size).toBe(p.k);
          for (const [rank, index] of found.entries())
            expect(cosineOf.get(index)).toBeCloseTo(ranked[rank]?.cosine ?? Number.NaN, 6);
          const tied = Math.abs((ranked[p.k - 1]?.cosine ?? 0) - (ranked[p.k]?.cosine ?? -2));
          if (tied < 1e-6) continue; // which of equally near rows vote is held by the next test
          for (const [c, share] of expected.entries())
            expect(Math.abs((votes[i * 3 + c] ?? 0) - share)).toBeLessThan(1e-4);
        }
      }),
      { seed: 7, numRuns: 40 },
    );
  });

  it('takes the lower place among equals, also across pieces', async () => {
    const row = [3, -1, 2];
    const train = rowsOf(Float32Array.from([...row, 0, 1, 0, ...row, ...row, ...row]), 3);
    const test = rowsOf(Float32Array.from(row.map((x) => 2 * x)), 3);
    for (const bank of [1, 2, 3, 5]) {
      const { indices } = await neighbours(train, test, { k: 3, bank });
      expect([...indices]).toEqual([0, 2, 3]);
    }
  });
});

describe('bits', () => {
  it('do not depend on threads, pieces or the size of a query', async () => {
    const train = rowsOf(drawn('train', 3000, 96), 96);
    const test = rowsOf(drawn('test', 130, 96), 96);
    const options = [
      { threads: 1 },
      { threads: 2, bank: 700 },
      { threads: 3, queries: 17 },
      { queries: 1, bank: 999 },
    ];
    const first = await neighbours(train, test, { k: 50, ...options[0] });
    for (const other of options.slice(1))
      expect(await neighbours(train, test, { k: 50, ...other })).toEqual(first);
    const dot = (a: number, b: number) => {
      let [sum, left, right] = [0, 0, 0];
      for (let i = 0; i < 96; i++) {
        const [x, y] = [test.features[a * 96 + i] ?? 0, train.features[b * 96 + i] ?? 0];
        sum += x * y;
        left += x * x;
        right += y * y;
      }
      return sum / Math.sqrt(left * right);
    };
    for (const [i, index] of first.indices.entries())
      expect(first.similarities[i]).toBeCloseTo(dot(Math.floor(i / 50), index), 7);
  });

  it('survive a temperature whose votes overflow', async () => {
    const train = rowsOf(
      drawn('train', 40, 8),
      8,
      Int32Array.from({ length: 40 }, (_, i) => i % 4),
    );
    const near = await neighbours(train, train, { k: 5 });
    const votes = knnVotes(near, train.labels, 4, 1e-4);
    expect(votes.every(Number.isFinite)).toBe(true);
    expect(await knnTop1(train, train, { k: 5, temperature: 1e-4 })).toBe(100);
  });
});
