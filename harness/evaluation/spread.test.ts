import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../engine/index.ts';
import { stream } from '../random/stream.ts';
import { symmetricEigenvalues } from './eigenvalues.ts';
import { effectiveRank, spreadOf } from './spread.ts';

/** Q diag(values) Q' with a Q of random reflections. */
function matrixWith(values: readonly number[], seed: number): Float64Array {
  const n = values.length;
  let matrix = Float64Array.from({ length: n * n }, (_, i) =>
    i % (n + 1) === 0 ? (values[i / (n + 1)] ?? 0) : 0,
  );
  for (let k = 0; k < 4; k++) {
    const from = stream(seed, 'reflection', k);
    const v = Array.from({ length: n }, () => from.normal());
    const length = Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
    const h = (i: number, j: number) =>
      (i === j ? 1 : 0) - (2 * (v[i] ?? 0) * (v[j] ?? 0)) / length ** 2;
    const times = (a: (i: number, j: number) => number, b: (i: number, j: number) => number) =>
      Float64Array.from({ length: n * n }, (_, at) => {
        let sum = 0;
        for (let j = 0; j < n; j++) sum += a(Math.floor(at / n), j) * b(j, at % n);
        return sum;
      });
    const left = times(h, (i, j) => matrix[i * n + j] ?? 0);
    matrix = times((i, j) => left[i * n + j] ?? 0, h);
  }
  return matrix;
}

const sorted = (values: ArrayLike<number>) => Array.from(values).sort((a, b) => a - b);

describe('eigenvalues', () => {
  it.each([
    [[7]],
    [[2, 2]],
    [[3, -1, 0]],
    [[0, 0, 0, 5]],
    [[1, 1, 1, 1, 2]],
    [Array.from({ length: 40 }, (_, i) => (i - 11) ** 3 / 100)],
    [Array.from({ length: 24 }, (_, i) => 10 ** -i)],
  ])('of a turned diagonal are that diagonal: %j', async (values) => {
    const found = sorted(await symmetricEigenvalues(matrixWith(values, 3), values.length));
    const scale = Math.max(...values.map(Math.abs));
    sorted(values).forEach((value, i) => {
      expect(Math.abs((found[i] ?? Number.NaN) - value)).toBeLessThan(1e-13 * scale * 10);
    });
  });

  it('of a matrix that is not finite are refused', async () => {
    const matrix = Float64Array.of(1, 2, 3, 2, Number.NaN, 4, 3, 4, 5);
    await expect(symmetricEigenvalues(matrix, 3)).rejects.toThrow('no convergence');
  });
});

describe('the effective rank', () => {
  it('counts equal directions, and is exp of the entropy else', () => {
    expect(effectiveRank([4, 4, 4, 0, 0])).toBeCloseTo(3, 12);
    expect(effectiveRank([9])).toBeCloseTo(1, 12);
    expect(effectiveRank([0, 0])).toBe(0);
    const [p, q] = [0.75, 0.25]; // singular values 3 and 1
    const entropy = -p * Math.log(p) - q * Math.log(q);
    expect(effectiveRank([9, 1])).toBeCloseTo(Math.exp(entropy), 12);
  });
});

describe('the spread of features', () => {
  beforeAll(startEngine);

  const drawn = (count: number, width: number, make: (normal: () => number) => number[]) => {
    const from = stream(5, count, width);
    const rows = Array.from({ length: count }, () => make(() => from.normal()));
    return { features: Float32Array.from(rows.flat()), width };
  };

  it('is whole for rows that point everywhere', async () => {
    const all = drawn(3000, 12, (normal) => Array.from({ length: 12 }, normal));
    const { feature_std, effective_rank } = await spreadOf(all);
    expect(feature_std).toBeGreaterThan(0.99);
    expect(feature_std).toBeLessThan(1.001);
    expect(effective_rank).toBeGreaterThan(11.9);
    expect(effective_rank).toBeLessThanOrEqual(12);
  });

  it('is that of plain loops over unit rows', async () => {
    const set = drawn(50, 6, (normal) => Array.from({ length: 6 }, (_, d) => normal() / (d + 1)));
    const rows = Array.from({ length: 50 }, (_, i) => {
      const row = Array.from(set.features.subarray(i * 6, i * 6 + 6));
      const length = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
      return row.map((x) => x / length);
    });
    let deviation = 0;
    for (let d = 0; d < 6; d++) {
      const mean = rows.reduce((sum, row) => sum + (row[d] ?? 0), 0) / 50;
      const variance = rows.reduce((sum, row) => sum + ((row[d] ?? 0) - mean) ** 2, 0) / 50;
      deviation += Math.sqrt(variance) / 6;
    }
    const { feature_std } = await spreadOf(set);
    expect(feature_std).toBeCloseTo(deviation * Math.sqrt(6), 5);
  });

  it('is nothing for rows that are all the same, or zero', async () => {
    const same = drawn(2000, 8, () => [1, 2, 3, 4, 5, 6, 7, 8]);
    const { feature_std, effective_rank } = await spreadOf(same);
    expect(feature_std).toBeLessThan(1e-6);
    expect(effective_rank).toBeCloseTo(1, 5);
    const zero = { features: new Float32Array(64), width: 8 };
    expect(await spreadOf(zero)).toEqual({ feature_std: 0, effective_rank: 0 });
  });

  it('has the same bits for any number of threads and order of rows', async () => {
    const set = drawn(2500, 16, (normal) => Array.from({ length: 16 }, () => normal() + 1));
    const found = await spreadOf(set, { threads: 1 });
    expect(await spreadOf(set, { threads: 2 })).toEqual(found);
    const turned = new Float32Array(set.features.length);
    for (let i = 0; i < 2500; i++)
      turned.set(set.features.subarray(i * 16, i * 16 + 16), (2499 - i) * 16);
    const again = await spreadOf({ features: turned, width: 16 }, { threads: 2 });
    expect(again.effective_rank).toBe(found.effective_rank);
    expect(again.feature_std).toBe(found.feature_std);
  });
});
