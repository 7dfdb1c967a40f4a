import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { type HostArray, hostArray } from '../engine/array.ts';
import { startEngine } from '../engine/index.ts';
import { rows as rowsOfTensor } from '../engine/ops/indexing.ts';
import type { Tensor } from '../engine/tf.ts';
import { differentiate, floats } from '../testing/evaluate.ts';
import { contrastWithDrawn } from './sampled.ts';

beforeAll(startEngine);

type Rows = readonly (readonly number[])[];

const dot = (a: readonly number[] = [], b: readonly number[] = []) =>
  a.reduce((sum, x, d) => sum + x * (b[d] ?? 0), 0);

/** Mean of -log(exp(q k / t) / (that + sum over the row's own draws of exp(q n / t))). */
function slowLoss(q: Rows, k: Rows, bank: Rows, drawn: Rows, temperature: number): number {
  const losses = q.map((row, i) => {
    const own = Math.exp(dot(row, k[i]) / temperature);
    let all = own;
    for (const at of drawn[i] ?? []) all += Math.exp(dot(row, bank[at]) / temperature);
    return -Math.log(own / all);
  });
  return losses.reduce((a, b) => a + b, 0) / q.length;
}

const matrix = (rows: Rows) => floats([rows.length, rows[0]?.length ?? 0], rows.flat());

const row = (width: number) =>
  fc.array(
    fc.integer({ min: -100, max: 100 }).map((x) => x / 100),
    { minLength: width, maxLength: width },
  );

// A bank of up to 8 K rows is multiplied whole, a larger one row by row.
const problem = fc
  .record({
    count: fc.integer({ min: 1, max: 4 }),
    each: fc.integer({ min: 1, max: 4 }),
    size: fc.integer({ min: 1, max: 60 }),
    width: fc.integer({ min: 1, max: 6 }),
    temperature: fc.constantFrom(0.2, 0.5, 1),
  })
  .chain(({ count, each, size, width, temperature }) =>
    fc.record({
      q: fc.array(row(width), { minLength: count, maxLength: count }),
      k: fc.array(row(width), { minLength: count, maxLength: count }),
      bank: fc.array(row(width), { minLength: size, maxLength: size }),
      drawn: fc.array(
        fc.array(fc.integer({ min: 0, max: size - 1 }), { minLength: each, maxLength: each }),
        { minLength: count, maxLength: count },
      ),
      temperature: fc.constant(temperature),
    }),
  );
type Problem = typeof problem extends fc.Arbitrary<infer T> ? T : never;

function run({ q, k, bank, drawn, temperature }: Problem): Promise<Record<string, HostArray>> {
  const [first = []] = drawn;
  const at = hostArray('int32', [drawn.length, first.length], Int32Array.from(drawn.flat()));
  return differentiate(
    {
      variables: { q: matrix(q) },
      constants: { k: matrix(k), bank: matrix(bank), at },
      apply: (x) => {
        const { q: query, k: key, bank: all, at: places } = x;
        if (!query || !key || !all || !places) throw new Error('an input is missing');
        const source = {
          count: bank.length,
          rows: (indices: Tensor) => rowsOfTensor(all, indices),
          all: () => all,
        };
        return contrastWithDrawn(query, key, source, places, temperature).loss;
      },
    },
    floats([], [1]),
  );
}

it('is the loss and slope of plain loops, by whole products and by rows', async () => {
  const seen = new Set<boolean>();
  await fc.assert(
    fc.asyncProperty(problem, async (one) => {
      const { q, k, bank, drawn, temperature } = one;
      seen.add(bank.length <= 8 * (drawn[0]?.length ?? 0));
      const outputs = await run(one);
      const slow = (moved: Rows) => slowLoss(moved, k, bank, drawn, temperature);
      const expected = slow(q);
      const found = Number(outputs.y?.data[0]);
      expect(Math.abs(found - expected)).toBeLessThan(2e-5 * Math.max(1, expected));
      const h = 1e-5;
      q.forEach((values, i) => {
        values.forEach((_, d) => {
          const moved = (by: number) =>
            q.map((r, j) => (j === i ? r.map((x, e) => (e === d ? x + by : x)) : r));
          const slope = Number(outputs['grad.q']?.data[i * values.length + d]);
          expect(Math.abs(slope - (slow(moved(h)) - slow(moved(-h))) / (2 * h))).toBeLessThan(2e-4);
        });
      });
    }),
    { numRuns: 40, seed: 3 },
  );
  expect(seen).toEqual(new Set([true, false]));
});
