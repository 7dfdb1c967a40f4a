import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type HostArray, hostArray } from '../harness/engine/array.ts';
import { startEngine } from '../harness/engine/index.ts';
import { bindMethod } from '../harness/experiment/bind.ts';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { contrastPairs } from '../harness/nn/pairs.ts';
import { differentiate, evaluate, floats } from '../harness/testing/evaluate.ts';
import {
  advance,
  describeMethod,
  type SmallRun,
  scalarOf,
  withLearner,
} from '../harness/testing/method_suite.ts';
import { methods } from './index.ts';
import { small } from './simclr.recipes.ts';
import { simclr } from './simclr.ts';

const neck = { kind: 'layers', hidden: [8], out: 6 } as const;
const run: SmallRun = { method: simclr, spec: { kind: 'simclr', neck, temperature: 0.2 } };

type Rows = readonly (readonly number[])[];

function dot(a: readonly number[] = [], b: readonly number[] = []): number {
  return a.reduce((sum, x, d) => sum + x * (b[d] ?? 0), 0);
}

/** Algorithm 1 of arXiv:2002.05709, row by row: siblings are 2k and 2k + 1. */
function slowLosses(z: Rows, temperature: number): number[] {
  return z.map((row, i) => {
    let all = 0;
    for (let k = 0; k < z.length; k++) if (k !== i) all += Math.exp(dot(row, z[k]) / temperature);
    return -Math.log(Math.exp(dot(row, z[i ^ 1]) / temperature) / all);
  });
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const matrix = (rows: Rows) => floats([rows.length, rows[0]?.length ?? 0], rows.flat());

function unit(row: readonly number[]): number[] {
  const length = Math.sqrt(dot(row, row));
  return row.map((x) => x / length);
}

const placesOf = (from: number, count: number) =>
  hostArray(
    'int32',
    [count],
    Int32Array.from({ length: count }, (_, i) => from + i),
  );

/** The loss of own rows, from a place on, among all. */
async function lossOf(own: Rows, all: Rows, from: number, temperature: number) {
  const places = placesOf(from, own.length);
  const outputs = await evaluate({ own: matrix(own), all: matrix(all), places }, (x) => {
    if (!x.own || !x.all || !x.places) throw new Error('an input is missing');
    const { loss, shares } = contrastPairs(x.own, x.all, x.places, temperature);
    return { loss, ...shares };
  });
  return { loss: scalarOf(outputs, 'loss'), accuracy: scalarOf(outputs, 'accuracy') };
}

describe('the loss', () => {
  beforeAll(startEngine);

  const check = [
    [1, 0],
    [0.6, 0.8],
    [0, 1],
    [-0.8, 0.6],
  ];

  it('is 1.06484998 for the check value, row by row', async () => {
    const expected = [0.00247651, 2.12722344, 2.12722344, 0.00247651];
    slowLosses(check, 0.1).forEach((loss, i) => {
      expect(loss).toBeCloseTo(expected[i] ?? 0, 7);
    });
    expect((await lossOf(check, check, 0, 0.1)).loss).toBeCloseTo(1.06484998, 6);
    // Of a half alone, as one of two replicas has it.
    expect((await lossOf(check.slice(2), check, 2, 0.1)).loss).toBeCloseTo(1.06484998, 6);
    expect((await lossOf(check, check, 0, 0.1)).accuracy).toBe(0.5);
  });

  it('is ln(2B - 1) where all rows are the same', async () => {
    const same = Array.from({ length: 256 }, () => [1, 0]);
    expect((await lossOf(same, same, 0, 0.1)).loss).toBeCloseTo(Math.log(255), 5);
  });

  const row = (width: number) =>
    fc
      .array(fc.integer({ min: -100, max: 100 }), { minLength: width, maxLength: width })
      .filter((values) => values.some((x) => x !== 0))
      .map(unit);
  const problem = fc
    .record({
      images: fc.integer({ min: 1, max: 4 }),
      replicas: fc.integer({ min: 1, max: 3 }),
      width: fc.integer({ min: 2, max: 6 }),
    })
    .filter(({ images, replicas }) => images * replicas > 1)
    .chain(({ images, replicas, width }) => {
      const length = 2 * images * replicas;
      return fc.record({
        all: fc.array(row(width), { minLength: length, maxLength: length }),
        count: fc.constant(2 * images),
        replica: fc.integer({ min: 0, max: replicas - 1 }),
        temperature: fc.constantFrom(0.1, 0.2, 0.5, 1),
      });
    });

  it('is that of plain loops', async () => {
    await fc.assert(
      fc.asyncProperty(problem, async ({ all, count, replica, temperature }) => {
        const from = replica * count;
        const { loss } = await lossOf(all.slice(from, from + count), all, from, temperature);
        const expected = mean(slowLosses(all, temperature).slice(from, from + count));
        expect(Math.abs(loss - expected)).toBeLessThan(2e-5 * Math.max(1, expected));
      }),
      { numRuns: 40, seed: 1 },
    );
  });

  it('has the slope of plain loops, in own rows and in all', async () => {
    // The first replica's loss, with its rows as what is compared and again as what it is compared with.
    const slowLoss = (own: Rows, all: Rows, temperature: number) =>
      mean(
        own.map((u, i) => {
          let others = 0;
          for (let k = 0; k < all.length; k++)
            if (k !== i && k !== (i ^ 1)) others += Math.exp(dot(u, all[k]) / temperature);
          const sibling = Math.exp(dot(u, own[i ^ 1]) / temperature);
          return -Math.log(sibling / (sibling + others));
        }),
      );
    await fc.assert(
      fc.asyncProperty(problem, async ({ all, count, temperature }) => {
        const own = all.slice(0, count);
        const places = placesOf(0, count);
        const outputs = await differentiate(
          {
            variables: { own: matrix(own), all: matrix(all) },
            constants: { places },
            apply: (x) => {
              if (!x.own || !x.all || !x.places) throw new Error('an input is missing');
              return contrastPairs(x.own, x.all, x.places, temperature).loss;
            },
          },
          floats([], [1]),
        );
        const h = 1e-5;
        const moved = (rows: Rows, at: number, by: number) => {
          const width = rows[0]?.length ?? 1;
          return rows.map((r, i) => r.map((x, d) => (i * width + d === at ? x + by : x)));
        };
        const near = (found: HostArray | undefined, f: (at: number, by: number) => number) =>
          Array.from(found?.data ?? [], Number).forEach((slope, at) => {
            expect(Math.abs(slope - (f(at, h) - f(at, -h)) / (2 * h))).toBeLessThan(5e-4);
          });
        near(outputs['grad.own'], (at, by) => slowLoss(moved(own, at, by), all, temperature));
        near(outputs['grad.all'], (at, by) => slowLoss(own, moved(all, at, by), temperature));
      }),
      { numRuns: 15, seed: 2 },
    );
  });
});

describe('a step', () => {
  beforeAll(startEngine);

  const first = (one: SmallRun) =>
    withLearner(
      { ...run, norm: 'sync', ...one },
      async (learner) => (await advance(learner, 0, 1))[0] ?? {},
      { observe: true },
    );

  it.each([2, 4])('of %i replicas is that of one with all images', async (replicas) => {
    const whole = await first({ ...run, batch: 8 });
    const parts = await first({ ...run, replicas, batch: 8 / replicas });
    expect(scalarOf(parts, 'loss')).toBeCloseTo(scalarOf(whole, 'loss'), 5);
    expectScaled(parts, whole, 1);
  });

  it.each([2, 4])('has 1 / %i of the gradient as the original', async (replicas) => {
    const whole = await first({ ...run, batch: 8 });
    const compat = { simclrGradient: 'per-replica' };
    const original = await first({ ...run, replicas, batch: 8 / replicas, compat });
    expect(scalarOf(original, 'loss')).toBeCloseTo(scalarOf(whole, 'loss'), 5);
    expectScaled(original, whole, 1 / replicas);
  });

  it('has the loss of plain loops over the rows of all replicas', async () => {
    const outputs = await first({ ...run, replicas: 2 });
    const rows = [0, 1].flatMap((r) => rowsOf(outputs[`rank${r}.out.neck`]));
    const expected = mean(slowLosses(rows.map(unit), 0.2));
    expect(scalarOf(outputs, 'loss')).toBeCloseTo(expected, 4);
  });
});

function rowsOf(array: HostArray | undefined): number[][] {
  const [count = 0, width = 0] = array?.shape ?? [];
  const values = Array.from(array?.data ?? [], Number);
  return Array.from({ length: count }, (_, i) => values.slice(i * width, (i + 1) * width));
}

type Outputs = Readonly<Record<string, HostArray>>;

/** Gradients of one are those of the other times a factor, against the largest of each parameter. */
function expectScaled(found: Outputs, whole: Outputs, factor: number): void {
  const names = Object.keys(whole).filter((name) => name.startsWith('grad.'));
  expect(names.length).toBeGreaterThan(20);
  for (const name of names) {
    const expected = Array.from(whole[name]?.data ?? [], Number).map((x) => factor * x);
    const bound = 2e-3 * Math.max(...expected.map(Math.abs));
    Array.from(found[name]?.data ?? [], Number).forEach((value, i) => {
      expect(Math.abs(value - (expected[i] ?? 0)), `${name}[${i}]`).toBeLessThanOrEqual(bound);
    });
  }
}

describe('what SimCLR refuses', () => {
  it('a step of one image', () => {
    const check = (replicas: number, batch: number) => () =>
      simclr.bind(run.spec).check({ replicas, batch, dropLast: true });
    expect(check(1, 1)).toThrow(/batch: found 1 image.*at least 2/);
    expect(check(2, 1)).not.toThrow();
  });

  it('data of one view', () => {
    const { pipelines } = small.data;
    const value = { ...small, data: { ...small.data, pipelines: pipelines.slice(0, 1) } };
    const experiment = parseExperiment(value, methods);
    expect(() => bindMethod(experiment, methods)).toThrow(
      'experiment simclr: data.pipelines: found 1, expected 2: simclr takes 2 views of each image',
    );
  });

  it('fields and options that it does not know', () => {
    const field = { ...small, method: { ...small.method, temprature: 0.1 } };
    expect(() => parseExperiment(field, methods)).toThrow(/method.*temprature.*temperature/s);
    const option = { ...small, compat: { simclrGradent: 'exact' } };
    expect(() => parseExperiment(option, methods)).toThrow(/simclrGradent.*simclrGradient/s);
  });
});

describeMethod('simclr', run);
