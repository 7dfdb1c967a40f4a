import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stream } from '../random/stream.ts';
import { readFixture } from '../testing/parity/fixture.ts';
import { sharedPath } from '../testing/shared.ts';
import { meanRow, twoMeans } from './two_means.ts';

const rowsOf = (rows: readonly (readonly number[])[]) => ({
  count: rows.length,
  width: rows[0]?.length ?? 0,
  data: Float32Array.from(rows.flat()),
});

/** Sum of squared distances to the mean of the own side. */
function inertia(rows: readonly (readonly number[])[], sides: readonly Int32Array[]): number {
  const features = rowsOf(rows);
  let total = 0;
  for (const side of sides) {
    const mean = meanRow(features, side);
    for (const place of side)
      for (const [d, x] of (rows[place] ?? []).entries()) total += (x - (mean[d] ?? 0)) ** 2;
  }
  return total;
}

const problem = fc.integer({ min: 1, max: 4 }).chain((width) =>
  fc.array(fc.array(fc.integer({ min: -20, max: 20 }), { minLength: width, maxLength: width }), {
    minLength: 2,
    maxLength: 12,
  }),
);

describe('2-means', () => {
  it('gives two sides that hold every row, and that no single row would leave', () => {
    fc.assert(
      fc.property(problem, fc.integer(), (rows, seed) => {
        const { first, second } = twoMeans(rowsOf(rows), stream(seed));
        expect(Math.min(first.length, second.length)).toBeGreaterThan(0);
        expect([...first, ...second].sort((a, b) => a - b)).toEqual([...rows.keys()]);
        if (new Set(rows.map(String)).size < 2) return;
        const [a, b] = [first, second].map((side) => meanRow(rowsOf(rows), side));
        const gap = (row: readonly number[], mean: Float32Array | undefined) =>
          row.reduce((sum, x, d) => sum + (x - (mean?.[d] ?? 0)) ** 2, 0);
        for (const place of first)
          expect(gap(rows[place] ?? [], a)).toBeLessThanOrEqual(gap(rows[place] ?? [], b) + 1e-3);
        for (const place of second)
          expect(gap(rows[place] ?? [], b)).toBeLessThanOrEqual(gap(rows[place] ?? [], a) + 1e-3);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it('finds two groups that lie apart', () => {
    const rows = Array.from({ length: 40 }, (_, i) => [i % 4 === 0 ? 50 : 0, i % 3, i % 5]);
    const { first, second } = twoMeans(rowsOf(rows), stream(7));
    const far = [...rows.keys()].filter((i) => i % 4 === 0);
    expect([[...first], [...second]]).toContainEqual(far);
    expect(inertia(rows, [first, second])).toBeLessThan(150);
  });

  it('halves rows that are all the same at random', () => {
    const rows = rowsOf(Array.from({ length: 7 }, () => [1, 2]));
    const { first, second } = twoMeans(rows, stream(1));
    expect([first.length, second.length]).toEqual([3, 4]);
    expect([...first, ...second].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(twoMeans(rows, stream(2)).first).not.toEqual(first);
  });

  it('refuses a single row', () => {
    expect(() => twoMeans(rowsOf([[1]]), stream(1))).toThrow('1 rows cannot be split');
  });

  const fixtures = sharedPath('parity');
  it.skipIf(fixtures === undefined)('splits as scikit-learn does in the reference', () => {
    const fixture = readFixture(fixtures ?? '', 'odc_memory');
    const bank = fixture.expected.get('step6.feature_bank') ?? expect.unreachable();
    const [, width = 0] = bank.shape;
    // The bank of the last step, and the members of that split: groups that are still apart.
    const parts = ['part1', 'part2'].map((part) => {
      const { data } = fixture.input(`rng.step3.split0.${part}`);
      return Array.from(data, Number);
    });
    const members = parts.flat().sort((a, b) => a - b);
    const rows = members.map((m) =>
      Array.from(bank.data.slice(m * width, (m + 1) * width), Number),
    );
    const { first, second } = twoMeans(rowsOf(rows), stream(0, 'split'));
    const theirs = parts.map((part) => Int32Array.from(part, (m) => members.indexOf(m)));
    expect(inertia(rows, [first, second])).toBeLessThanOrEqual(inertia(rows, theirs) * 1.0001);
  });
});
