import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { startEngine } from '../engine/index.ts';
import { evaluate, floats } from '../testing/evaluate.ts';
import { monitors } from './monitors.ts';

beforeAll(startEngine);

type Rows = readonly (readonly number[])[];

function slow(a: Rows, b: Rows) {
  const width = a[0]?.length ?? 0;
  const cos = (i: number, j: number) =>
    (a[i] ?? []).reduce((s, x, d) => s + x * (b[j]?.[d] ?? 0), 0);
  let [own, others, pairs] = [0, 0, 0];
  for (let i = 0; i < a.length; i++)
    for (let j = 0; j < b.length; j++)
      if (i === j) own += cos(i, j) / a.length;
      else {
        others += cos(i, j);
        pairs++;
      }
  let deviation = 0;
  for (let d = 0; d < width; d++) {
    const mean = a.reduce((s, row) => s + (row[d] ?? 0), 0) / a.length;
    const variance = a.reduce((s, row) => s + ((row[d] ?? 0) - mean) ** 2, 0) / a.length;
    deviation += Math.sqrt(variance) / width;
  }
  return [own, pairs === 0 ? 0 : others / pairs, deviation * Math.sqrt(width)];
}

async function found(a: Rows, b: Rows): Promise<number[]> {
  const matrix = (rows: Rows) => floats([rows.length, rows[0]?.length ?? 0], rows.flat());
  const outputs = await evaluate({ a: matrix(a), b: matrix(b) }, (x) => {
    if (!x.a || !x.b) throw new Error('an input is missing');
    return monitors(x.a, x.b);
  });
  return ['positive_similarity', 'negative_similarity', 'embedding_std'].map((name) =>
    Number(outputs[name]?.data[0]),
  );
}

const unit = (row: readonly number[]) => {
  const length = Math.sqrt(row.reduce((s, x) => s + x * x, 0));
  return row.map((x) => x / length);
};

it('are those of plain loops', async () => {
  const row = (width: number) =>
    fc
      .array(fc.integer({ min: -50, max: 50 }), { minLength: width, maxLength: width })
      .filter((values) => values.some((x) => x !== 0))
      .map(unit);
  const problem = fc
    .record({ count: fc.integer({ min: 1, max: 9 }), width: fc.integer({ min: 1, max: 7 }) })
    .chain(({ count, width }) => {
      const rows = fc.array(row(width), { minLength: count, maxLength: count });
      return fc.record({ a: rows, b: rows });
    });
  await fc.assert(
    fc.asyncProperty(problem, async ({ a, b }) => {
      const expected = slow(a, b);
      (await found(a, b)).forEach((value, i) => {
        expect(Math.abs(value - (expected[i] ?? 0))).toBeLessThan(3e-6);
      });
    }),
    { numRuns: 40, seed: 1 },
  );
});

it('tell rows that point everywhere from rows that are all the same', async () => {
  const axes = Array.from({ length: 16 }, (_, i) =>
    Array.from({ length: 8 }, (__, d) => (d === i % 8 ? (i < 8 ? 1 : -1) : 0)),
  );
  const [, negative, spread] = await found(axes, axes);
  expect(negative).toBeCloseTo(-1 / 15, 6);
  expect(spread).toBeCloseTo(1, 6);
  const same = axes.map(() => unit([1, 2, 3, 4, 5, 6, 7, 8]));
  const collapsed = await found(same, same);
  expect(collapsed[0]).toBeCloseTo(1, 5);
  expect(collapsed[1]).toBeCloseTo(1, 5);
  expect(collapsed[2]).toBeLessThan(1e-3);
});
