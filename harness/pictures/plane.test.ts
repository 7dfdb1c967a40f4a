import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../engine/index.ts';
import { symmetricEigenvalues } from '../evaluation/eigenvalues.ts';
import { stream } from '../random/stream.ts';
import { eigenvectors } from './jacobi.ts';
import { FEWEST, neighbourPlane } from './neighbour_plane.ts';
import { principalPlane } from './plane.ts';

beforeAll(() => startEngine());

describe('eigenvectors of a small matrix', () => {
  it('are orthonormal, and in the order of the values that Householder and QL find', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 8 }), fc.integer(), async (n, seed) => {
        const draws = stream(seed, 'matrix');
        const half = Array.from({ length: n }, () =>
          Float64Array.from({ length: n }, () => draws.normal()),
        );
        const at = (i: number, j: number) => (half[i]?.[j] ?? 0) + (half[j]?.[i] ?? 0);
        const matrix = half.map((_, i) => Float64Array.from({ length: n }, (_x, j) => at(i, j)));
        const flat = Float64Array.from(matrix.flatMap((row) => [...row]));
        const values = [...(await symmetricEigenvalues(flat, n))].sort((a, b) => b - a);
        const vectors = eigenvectors(matrix);
        for (const [p, vector] of vectors.entries()) {
          for (const [i, row] of matrix.entries())
            expect(dot(row, vector)).toBeCloseTo((values[p] ?? 0) * (vector[i] ?? 0), 9);
          for (const [q, other] of vectors.entries())
            expect(dot(vector, other)).toBeCloseTo(p === q ? 1 : 0, 9);
        }
      }),
      { numRuns: 30 },
    );
  });
});

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
}

/** Rows about `groups` centres, [N, width], row i about centre i mod groups. */
function blobs(count: number, width: number, groups: number, apart: number, seed = 0) {
  const draws = stream(seed, 'blobs');
  const centres = Array.from({ length: groups * width }, () => apart * draws.normal());
  return Float32Array.from({ length: count * width }, (_, at) => {
    const group = Math.floor(at / width) % groups;
    return (centres[group * width + (at % width)] ?? 0) + draws.normal();
  });
}

describe('the plane of largest variance', () => {
  it.each([
    [40, 3, 2],
    [30, 40, 3],
    [200, 12, 5],
  ])(
    'of %i rows of %i has the two largest eigenvalues of their scatter',
    async (count, width, groups) => {
      const rows = blobs(count, width, groups, 2);
      const { points, shares } = await principalPlane(rows, width, 7);
      const scatter = scatterOf(rows, width);
      const trace = Array.from({ length: width }, (_, d) => scatter[d * width + d] ?? 0);
      const total = trace.reduce((sum, x) => sum + x, 0);
      const values = [...(await symmetricEigenvalues(scatter, width))].sort((a, b) => b - a);
      for (const p of [0, 1]) {
        const along = points.filter((_, at) => at % 2 === p);
        expect(dot(along, along) / (values[p] ?? 0)).toBeCloseTo(1, 5);
        expect(shares[p]).toBeCloseTo((values[p] ?? 0) / total, 6);
      }
      expect(
        dot(
          points.filter((_, at) => at % 2 === 0),
          points.filter((_, at) => at % 2 === 1),
        ),
      ).toBeCloseTo(0, 4);
    },
  );

  it('does not hang on the seed, but for rounding', async () => {
    const rows = blobs(60, 8, 4, 4);
    const [a, b] = [await principalPlane(rows, 8, 1), await principalPlane(rows, 8, 2)];
    for (const [i, x] of a.points.entries()) expect(b.points[i]).toBeCloseTo(x, 2);
    expect(await principalPlane(rows, 8, 1)).toEqual(a);
  });

  it('is the origin for rows that are all the same, and a line for one feature', async () => {
    const same = await principalPlane(new Float32Array(12).fill(3), 4, 0);
    expect(same.points.every((x) => x === 0)).toBe(true);
    expect(same.shares).toEqual([0, 0]);
    const line = await principalPlane(Float32Array.of(1, 2, 6), 1, 0);
    expect([...line.points]).toEqual([-2, 0, -1, 0, 3, 0]);
    expect(line.shares).toEqual([1, 0]);
  });
});

function scatterOf(rows: Float32Array, width: number): Float64Array {
  const count = rows.length / width;
  const at = (i: number, d: number) => rows[i * width + d] ?? 0;
  const mean = Array.from({ length: width }, (_, d) => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += at(i, d);
    return sum / count;
  });
  return Float64Array.from({ length: width * width }, (_, place) => {
    const [a, b] = [Math.floor(place / width), place % width];
    let sum = 0;
    for (let i = 0; i < count; i++)
      sum += (at(i, a) - (mean[a] ?? 0)) * (at(i, b) - (mean[b] ?? 0));
    return sum;
  });
}

describe('the plane of neighbours', () => {
  const [count, width, groups] = [90, 16, 3];
  const rows = blobs(count, width, groups, 4);
  const made = async (seed: number, threads: number) => {
    const plane = await principalPlane(rows, width, seed);
    return neighbourPlane(rows, width, plane, { seed, threads });
  };

  it('has next to each row one of its group', async () => {
    const points = await made(3, 1);
    expect(points).toHaveLength(2 * count);
    for (let i = 0; i < count; i++) expect(nearestOf(points, i) % groups).toBe(i % groups);
  });

  it('is the same for any number of threads, and another one for another seed', async () => {
    const first = await made(3, 1);
    expect(await made(3, 2)).toEqual(first);
    expect(await made(4, 1)).not.toEqual(first);
  });

  it('needs more rows than neighbours, and stops when told', async () => {
    const few = rows.subarray(0, FEWEST * width);
    const plane = await principalPlane(few, width, 0);
    expect(await neighbourPlane(few, width, plane, { seed: 0 })).toHaveLength(2 * FEWEST);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(neighbourPlane(few, width, plane, { seed: 0, signal })).rejects.toThrow('enough');
    await expect(principalPlane(few, width, 0, signal)).rejects.toThrow('enough');
  });
});

function nearestOf(points: Float64Array, i: number): number {
  const apart = (j: number) =>
    Math.hypot(
      (points[2 * i] ?? 0) - (points[2 * j] ?? 0),
      (points[2 * i + 1] ?? 0) - (points[2 * j + 1] ?? 0),
    );
  let best = i === 0 ? 1 : 0;
  for (let j = 0; j < points.length / 2; j++) if (j !== i && apart(j) < apart(best)) best = j;
  return best;
}
