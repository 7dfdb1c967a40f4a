import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { startEngine } from '../engine/index.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import { evaluate, floats } from '../testing/evaluate.ts';
import { plainMonitors, type Rows, unit, unitRowsOf } from '../testing/plain_monitors.ts';
import { featureMonitors, monitors } from './monitors.ts';

beforeAll(startEngine);

async function found(a: Rows, b: Rows) {
  const matrix = (rows: Rows) => floats([rows.length, rows[0]?.length ?? 0], rows.flat());
  const outputs = await evaluate({ a: matrix(a), b: matrix(b) }, (x) => {
    if (!x.a || !x.b) throw new Error('an input is missing');
    return monitors(x.a, x.b);
  });
  const value = (name: string) => Number(outputs[name]?.data[0]);
  return {
    positive_similarity: value('positive_similarity'),
    negative_similarity: value('negative_similarity'),
    embedding_std: value('embedding_std'),
  };
}

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
      const values = await found(a, b);
      for (const [name, expected] of Object.entries(plainMonitors(a, b)))
        expect(Math.abs(values[name as keyof typeof values] - expected), name).toBeLessThan(3e-6);
    }),
    { numRuns: 40, seed: 1 },
  );
});

it('of features are those of their averages over pixels, whatever the length of a row', async () => {
  const shape = fc.oneof(
    fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 7 })),
    fc.tuple(
      ...[fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 })],
      ...[fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 5 })],
    ),
  );
  const problem = shape.chain((sides) => {
    const size = sides.reduce((a, b) => a * b, 1);
    const values = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: size, maxLength: size });
    return values.map((data) => floats(sides, data));
  });
  await fc.assert(
    fc.asyncProperty(problem, async (features) => {
      const spread = (x: Tensor | undefined) => featureMonitors(x ?? tf.scalar(0)).embedding_std;
      const { std } = await evaluate({ features }, (x) => ({ std: spread(x.features) }));
      const rows = unitRowsOf(features);
      const expected = plainMonitors(rows, rows).embedding_std;
      expect(Math.abs(Number(std?.data[0]) - expected)).toBeLessThan(3e-6);
    }),
    { numRuns: 40, seed: 2 },
  );
});

it('tell rows that point everywhere from rows that are all the same', async () => {
  const axes = Array.from({ length: 16 }, (_, i) =>
    Array.from({ length: 8 }, (__, d) => (d === i % 8 ? (i < 8 ? 1 : -1) : 0)),
  );
  const spread = await found(axes, axes);
  expect(spread.negative_similarity).toBeCloseTo(-1 / 15, 6);
  expect(spread.embedding_std).toBeCloseTo(1, 6);
  const same = axes.map(() => unit([1, 2, 3, 4, 5, 6, 7, 8]));
  const collapsed = await found(same, same);
  expect(collapsed.positive_similarity).toBeCloseTo(1, 5);
  expect(collapsed.negative_similarity).toBeCloseTo(1, 5);
  expect(collapsed.embedding_std).toBeLessThan(1e-3);
});
