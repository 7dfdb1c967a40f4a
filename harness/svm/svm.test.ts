import fc from 'fast-check';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { startEngine } from '../engine/index.ts';
import { fillNormal, stream } from '../random/stream.ts';
import { newColumn, setPenalty } from './column.ts';
import { firstMaximum, fitCosts } from './costs.ts';
import { Kernel } from './kernel.ts';
import { kernelOf } from './kernel_of.ts';
import { GAP, minimise } from './newton.ts';
import { fitClasses } from './one_vs_rest.ts';
import { decisionsOf, gram, productsOf, weightsOf } from './products.ts';
import { rowScales, rowsOf } from './rows.ts';
import { fitSubsets } from './subsets.ts';

beforeAll(() => startEngine());
const computing = { threads: 0 };
const weights = { positive: 2, negative: 1 };

function drawn(count: number, width: number, seed = 0) {
  const noise = fillNormal(stream(seed, 'x'), new Float32Array(count * width), 1);
  const values = noise.map((x) => Math.max(0, x + 0.3));
  const labels = Int8Array.from({ length: count }, (_, i) =>
    (values[i * width] ?? 0) + (values[i * width + width - 1] ?? 0) > 1.6 ? 1 : -1,
  );
  labels.set([1, -1, 1, -1]);
  return { rows: rowsOf(values, width), labels };
}

async function scaled(rows: ReturnType<typeof rowsOf>, intercept = 1) {
  return { rows, scales: await rowScales(rows, 1e-5, 'rows'), intercept };
}

/** The objective and its gradient by plain loops over weights, the last of which is the intercept's. */
function plain(points: readonly number[][], labels: Int8Array, cost: number, w: readonly number[]) {
  const gradient = [...w];
  let objective = 0.5 * w.reduce((sum, x) => sum + x * x, 0);
  for (const [i, x] of points.entries()) {
    const y = labels[i] ?? 0;
    if (y === 0) continue;
    const f = x.reduce((sum, value, d) => sum + value * (w[d] ?? 0), 0);
    const short = Math.max(0, 1 - y * f);
    const c = cost * (y > 0 ? weights.positive : weights.negative);
    objective += c * short ** 2;
    for (const [d, value] of x.entries())
      gradient[d] = (gradient[d] ?? 0) - 2 * c * y * short * value;
  }
  return { objective, gradient };
}

test('the gradient of the objective is 0 at every minimum (fast-check, plain loops)', async () => {
  const shapes = fc.record({
    count: fc.integer({ min: 4, max: 40 }),
    width: fc.integer({ min: 1, max: 30 }),
    cost: fc.constantFrom(1e-6, 0.01, 1, 100),
    intercept: fc.constantFrom(0.5, 1, 3),
    seed: fc.nat(1000),
  });
  await fc.assert(
    fc.asyncProperty(shapes, async ({ count, width, cost, intercept, seed }) => {
      const { rows, labels } = drawn(count, width, seed);
      const own = await scaled(rows, intercept);
      const kernel = await Kernel.ofProducts(await gram(own, computing), {
        groups: 1,
        rows: count,
        threads: 0,
      });
      const column = newColumn(0, labels);
      setPenalty(column, { cost, ...weights });
      await minimise(kernel, [column]);
      kernel.dispose();
      const found = await weightsOf(own, column.coefficients, computing);
      const values = await rows.rows(0, count);
      const points = Array.from({ length: count }, (_, i) => [
        ...Array.from(values.subarray(i * width, (i + 1) * width), (x) => x * (own.scales[i] ?? 0)),
        intercept,
      ]);
      const w = [...found.weights, (found.intercepts[0] ?? 0) / intercept];
      const { objective, gradient } = plain(points, labels, cost, w);
      expect(column.state.objective / objective).toBeCloseTo(1, 10);
      // The objective is convex of modulus 1: it is at most |gradient|² / 2 above the lowest.
      const excess = gradient.reduce((sum, g) => sum + g * g, 0) / 2;
      expect(excess).toBeLessThan(1e-11 * objective);
      const decisions = await decisionsOf(own, found, computing);
      for (const [i, f] of column.decisions.entries()) expect(decisions[i]).toBeCloseTo(f, 9);
    }),
    { seed: 3, numRuns: 12 },
  );
});

describe('many machines', () => {
  const { rows, labels } = drawn(90, 12);
  const spec = { costs: [1, 100, 0.01], weights, folds: 3 };

  test('what costs and companions a machine has does not move its minimum', async () => {
    const train = await scaled(rows);
    const other = labels.map((label) => -label);
    const [together] = await fitClasses(train, [labels, other], spec, computing);
    const [alone] = await fitClasses(train, [labels], { ...spec, costs: [100] }, computing);
    expect(together?.objectives[1]).toBeCloseTo(alone?.objectives[0] ?? 0, 9);
    const one = together?.coefficients[1] ?? [];
    for (const [i, b] of (alone?.coefficients[0] ?? []).entries()) expect(one[i]).toBeCloseTo(b, 3);
    expect(together?.foldAp[1]?.length).toBe(3);
  });

  test('the same bits on any number of threads', async () => {
    const own = await scaled(rows);
    const hash = async (threads: number) => {
      const [fit] = await fitClasses(own, [labels], spec, { threads });
      return [...(fit?.coefficients ?? [])].map((values) => [...values]);
    };
    const [one, two, eight] = [await hash(1), await hash(2), await hash(8)];
    expect(two).toEqual(one);
    expect(eight).toEqual(one);
  });

  test('rows of a subset are fitted as if there were no others', async () => {
    const own = await scaled(rows);
    const products = await gram(own, computing);
    const some = [
      Int32Array.from([0, 1, 5, 9, 11, 20, 33, 40, 41, 60]),
      Int32Array.from([3, 2, 8, 7]),
    ];
    const subsets = some.map((of) => ({
      rows: of,
      labels: [Int8Array.from(of, (i) => labels[i] ?? 0)],
    }));
    subsets[1]?.labels[0]?.set([1, -1]);
    const found: Float64Array[][] = [];
    await fitSubsets(products, subsets, spec, computing, async (place, fits) => {
      found[place] = fits.map(({ coefficients }) => coefficients);
    });
    for (const [
      s,
      {
        rows: of,
        labels: [mine],
      },
    ] of subsets.entries()) {
      const alone = Float64Array.from({ length: of.length ** 2 }, (_, at) => {
        const [i, j] = [of[Math.floor(at / of.length)] ?? 0, of[at % of.length] ?? 0];
        return products[i * 90 + j] ?? 0;
      });
      const kernel = await Kernel.ofProducts(alone, { groups: 1, rows: of.length, threads: 0 });
      const column = newColumn(0, mine ?? new Int8Array());
      setPenalty(column, { cost: 100, ...weights });
      await minimise(kernel, [column]);
      kernel.dispose();
      for (const [i, b] of column.coefficients.entries())
        expect(found[s]?.[1]?.[i]).toBeCloseTo(b, 6);
    }
  });

  test('rows in place of their products lead to the same minimum', async () => {
    const own = await scaled(rows, 2);
    const kernels = [
      await kernelOf(own, computing), // of the rows, as there are more than twice their width
      await Kernel.ofProducts(await gram(own, computing), { groups: 1, rows: 90, threads: 0 }),
    ];
    const [first, second] = kernels.map(({ diagonal }) => [...diagonal]);
    for (const [i, square] of (first ?? []).entries()) expect(second?.[i]).toBeCloseTo(square, 12);
    const objectives: number[] = [];
    for (const kernel of kernels) {
      const column = newColumn(0, labels);
      await fitCosts(kernel, [column], { costs: [0.1, 10], weights }, (place) => {
        if (place === 1) objectives.push(column.state.objective);
      });
      kernel.dispose();
    }
    expect((objectives[0] ?? 0) / (objectives[1] ?? 1)).toBeCloseTo(1, 10);
  });

  test('no gap is wider than what counts as the minimum', async () => {
    const kernel = await Kernel.ofProducts(await gram(await scaled(rows), computing), {
      groups: 1,
      rows: 90,
      threads: 0,
    });
    const columns = [labels, labels.map((label, i) => (i % 3 === 0 ? 0 : label))].map((own) =>
      newColumn(0, own),
    );
    await fitCosts(kernel, columns, spec, () => {
      for (const { state } of columns) expect(state.gap).toBeLessThanOrEqual(GAP * state.objective);
    });
    kernel.dispose();
  });
});

test('products of pieces are those of plain loops', async () => {
  const [own, others] = [drawn(1100, 3, 1).rows, drawn(700, 3, 2).rows];
  const [a, b] = [await scaled(own, 2), await scaled(others, 2)];
  const [x, y] = [await own.rows(0, 1100), await others.rows(0, 700)];
  const at = (values: Float32Array, i: number, scales: Float64Array) =>
    [...values.subarray(3 * i, 3 * i + 3)].map((value) => value * (scales[i] ?? 0));
  const dot = (u: number[], v: number[]) =>
    u.reduce((sum, value, d) => sum + value * (v[d] ?? 0), 4);
  const square = await gram(a, computing);
  const wide = await productsOf(a, b, computing);
  for (const [i, j] of [
    [0, 0],
    [1099, 3],
    [512, 699],
    [600, 350],
  ] as const) {
    const expected = dot(at(x, i, a.scales), at(y, j, b.scales));
    expect(wide[i * 700 + j]).toBeCloseTo(expected, 12);
    const own = dot(at(x, i, a.scales), at(x, j, a.scales));
    expect(square[i * 1100 + j]).toBeCloseTo(own, 12);
    expect(square[j * 1100 + i]).toBe(square[i * 1100 + j]);
  }
});

describe('what cannot be fitted', () => {
  it('names the number that is not finite', async () => {
    const rows = rowsOf(Float32Array.from([1, 2, 3, Number.NaN]), 2);
    await expect(rowScales(rows, 1e-5, 'train feat5')).rejects.toThrow(
      'train feat5: row 1 has NaN in column 1, expected finite features',
    );
  });

  it('a class that every image has, or none', async () => {
    const spec = { costs: [1], weights, folds: 2 };
    const train = await scaled(rowsOf(Float32Array.of(1, 0, 0, 1), 2));
    for (const [labels, word] of [
      [Int8Array.of(1, 1), 'absent'],
      [Int8Array.of(-1, -1), 'present'],
    ] as const)
      await expect(fitClasses(train, [labels], spec, computing)).rejects.toThrow(
        `svm: class 0 is ${word} in no image`,
      );
  });

  it('folds without positives count 0; where there is no other, every cost is as good as the first', async () => {
    const { rows, labels } = drawn(30, 4);
    const one = labels.map((_, i) => (i === 7 ? 1 : -1));
    const two = labels.map((_, i) => (i === 7 || i === 20 ? 1 : -1));
    const spec = { costs: [1, 0.1], weights, folds: 3 };
    const train = await scaled(rows);
    const [single, pair] = await fitClasses(train, [one, two], spec, computing);
    expect(single?.foldAp[0]?.filter(Number.isNaN).length).toBe(1);
    expect(single?.chosen).toBe(0);
    expect(pair?.foldAp[0]?.filter((ap) => ap === 0).length).toBe(1);
    expect(pair?.crossvalAp.some(Number.isNaN)).toBe(false);
  });
});

test('the first of equally good ones, and of numbers that are none, as argmax of NumPy', () => {
  expect(firstMaximum([1, 3, 3])).toBe(1);
  expect(firstMaximum([1, Number.NaN, 3, Number.NaN])).toBe(1);
});
