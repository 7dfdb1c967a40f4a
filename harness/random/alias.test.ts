import fc from 'fast-check';
import { expect, it } from 'vitest';
import { aliasTable } from './alias.ts';

/** What a draw from the tables gives, outcome by outcome. */
function distribution(weights: readonly number[]): number[] {
  const { keep, other } = aliasTable(weights);
  const share = weights.map(() => 0);
  keep.forEach((stay, k) => {
    share[k] = (share[k] ?? 0) + stay / keep.length;
    const to = other[k] ?? 0;
    share[to] = (share[to] ?? 0) + (1 - stay) / keep.length;
  });
  return share;
}

it('stands for the distribution', () => {
  const weights = fc
    .array(fc.oneof(fc.constant(0), fc.double({ min: 1e-3, max: 1e3, noNaN: true })), {
      minLength: 1,
      maxLength: 200,
    })
    .filter((values) => values.some((w) => w > 0));
  fc.assert(
    fc.property(weights, (values) => {
      const total = values.reduce((a, b) => a + b, 0);
      distribution(values).forEach((share, k) => {
        expect(Math.abs(share - (values[k] ?? 0) / total)).toBeLessThan(1e-6);
        if (values[k] === 0) expect(share).toBeLessThan(1e-9);
      });
    }),
    { numRuns: 200, seed: 1 },
  );
});

it('never leaves a slot where all are alike', () => {
  const { keep } = aliasTable(new Array(1000).fill(0.125));
  expect([...keep].every((stay) => stay === 1)).toBe(true);
});

it('refuses what is no distribution', () => {
  expect(() => aliasTable([1, -0.1])).toThrow('weight 1 is -0.1');
  expect(() => aliasTable([1, Number.NaN])).toThrow('weight 1 is NaN');
  expect(() => aliasTable([0, 0])).toThrow('the 2 weights add up to 0');
  expect(() => aliasTable([])).toThrow('add up to 0');
});
