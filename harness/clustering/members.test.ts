import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { hostArray } from '../engine/array.ts';
import { startEngine } from '../engine/index.ts';
import { evaluate, floats } from '../testing/evaluate.ts';
import {
  assigned,
  balancingWeights,
  clusterEntropy,
  clusterMeans,
  clusterSizes,
} from './members.ts';

beforeAll(startEngine);

const ints = (values: readonly number[]) =>
  hostArray('int32', [values.length], Int32Array.from(values));
const row = fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 3, maxLength: 3 });
const problem = fc.integer({ min: 1, max: 6 }).chain((clusters) =>
  fc
    .array(fc.record({ x: row, label: fc.integer({ min: 0, max: clusters - 1 }) }), {
      minLength: 1,
      maxLength: 20,
    })
    .chain((samples) =>
      fc.record({
        samples: fc.constant(samples),
        before: fc.array(row, { minLength: clusters, maxLength: clusters }),
        closed: fc.array(fc.boolean(), { minLength: clusters, maxLength: clusters }),
      }),
    ),
);

it('counts, averages and assigns as plain loops do', async () => {
  await fc.assert(
    fc.asyncProperty(problem, async ({ samples, before, closed }) => {
      const clusters = before.length;
      const open = closed.every(Boolean) ? closed.map(() => false) : closed;
      const outputs = await evaluate(
        {
          x: floats(
            [samples.length, 3],
            samples.flatMap(({ x }) => x),
          ),
          labels: ints(samples.map(({ label }) => label)),
          before: floats([clusters, 3], before.flat()),
          closed: hostArray('bool', [clusters], Uint8Array.from(open, Number)),
        },
        ({ x, labels, before: old, closed: shut }) => {
          if (!x || !labels || !old || !shut) throw new Error('an input is missing');
          return {
            sizes: clusterSizes(labels, clusters),
            means: clusterMeans(x, labels, old),
            product: assigned(x, old, 'product'),
            nearest: assigned(x, old, 'nearest', shut),
          };
        },
      );
      const members = before.map((_, c) => samples.filter(({ label }) => label === c));
      expect([...(outputs.sizes?.data ?? [])]).toEqual(members.map(({ length }) => length));
      const means = members.flatMap((of, c) =>
        [0, 1, 2].map((d) =>
          of.length === 0
            ? before[c]?.[d]
            : of.reduce((s, { x }) => s + (x[d] ?? 0), 0) / of.length,
        ),
      );
      for (const [i, mean] of means.entries())
        expect(outputs.means?.data[i]).toBeCloseTo(mean ?? 0, 5);
      const best = (score: (c: readonly number[], k: number) => number) =>
        before.reduce(
          (a, c, k) => (score(c, k) > score(before[a] ?? [], a) ? k : a),
          open.findIndex((one) => !one),
        );
      const dot = (a: readonly number[], b: readonly number[]) =>
        a.reduce((s, v, d) => s + v * (b[d] ?? 0), 0);
      samples.forEach(({ x }, i) => {
        const product = before.reduce(
          (a, c, k) => (dot(x, c) > dot(x, before[a] ?? []) ? k : a),
          0,
        );
        expect(outputs.product?.data[i]).toBe(product);
        const gap = (c: readonly number[]) => c.reduce((s, v, d) => s + (v - (x[d] ?? 0)) ** 2, 0);
        const near = best((c, k) => (open[k] ? Number.NEGATIVE_INFINITY : -gap(c)));
        expect(outputs.nearest?.data[i]).toBe(near);
      });
    }),
    { numRuns: 40, seed: 4 },
  );
});

it('weighs classes by the check values of the reference, and measures how even they are', async () => {
  const { weights, even, one } = await evaluate(
    { sizes: ints([20, 80, 400]), even: ints([5, 5, 5, 5]), one: ints([0, 9]) },
    (x) => {
      if (!x.sizes || !x.even || !x.one) throw new Error('an input is missing');
      return {
        weights: balancingWeights(x.sizes, 0.5, 1e-5),
        even: clusterEntropy(x.even),
        one: clusterEntropy(x.one),
      };
    },
  );
  const expected = [0.58017868, 0.29008939, 0.12973193];
  for (const [i, value] of expected.entries()) expect(weights?.data[i]).toBeCloseTo(value, 6);
  expect(even?.data[0]).toBeCloseTo(1, 6);
  expect(one?.data[0]).toBeCloseTo(0, 6);
});
