import { beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../harness/base/errors.ts';
import type { HostArray } from '../harness/engine/array.ts';
import { startEngine } from '../harness/engine/index.ts';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { runStep } from '../harness/step/step.ts';
import {
  batchOf,
  describeMethod,
  type SmallRun,
  scalarOf,
  withLearner,
} from '../harness/testing/method_suite.ts';
import { methods } from './index.ts';
import { small } from './npid.recipes.ts';
import { npid } from './npid.ts';

const samples = 24;
const spec = {
  kind: 'npid',
  neck: { kind: 'linear', out: 6 },
  negatives: 5,
  temperature: 0.2,
  memoryMomentum: 0.25,
};
const run: SmallRun = { method: npid, spec, samples };

function rowsOf(array: HostArray | undefined): number[][] {
  if (array === undefined) throw new Error('an output is missing');
  const [count = 0, width = 0] = array.shape;
  const values = Array.from(array.data, Number);
  return Array.from({ length: count }, (_, i) => values.slice(i * width, (i + 1) * width));
}

const dot = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, x, d) => sum + x * (b[d] ?? 0), 0);
const unit = (row: readonly number[]) => row.map((x) => x / Math.sqrt(dot(row, row)));
const shown = (rows: readonly (readonly number[])[]) =>
  rows.map((row) => row.map((x) => x.toFixed(5)));

/** A step on given images of the data; the outputs, and the bank before and after. */
async function stepped(one: SmallRun, indices: readonly number[]) {
  return withLearner(
    one,
    async (learner) => {
      const before = rowsOf(await learner.program.readState('feature_bank'));
      const batch = { ...batchOf(learner, 0), indices: Int32Array.from(indices) };
      const outputs = await runStep(learner.program, batch, { rate: 0.1 });
      return { outputs, before, after: rowsOf(await learner.program.readState('feature_bank')) };
    },
    { observe: true },
  );
}

describe('a step', () => {
  beforeAll(startEngine);

  // 5 negatives of 24 rows are multiplied in one product with the bank, of 90 row by row.
  it.each([24, 90])('has the loss of plain loops over a bank of %i', async (rows) => {
    const { outputs, before } = await stepped({ ...run, samples: rows }, [7, 3, 20, 0]);
    const f = rowsOf(outputs['out.neck']).map(unit);
    const negatives = rowsOf(outputs['out.negative']);
    const losses = f.map((feature, i) => {
      const positive = dot(feature, before[[7, 3, 20, 0][i] ?? 0] ?? []);
      expect(outputs['out.positive']?.data[i]).toBeCloseTo(positive, 5);
      const all = before.map((row) => dot(row, feature));
      for (const similarity of negatives[i] ?? [])
        expect(Math.min(...all.map((x) => Math.abs(x - similarity)))).toBeLessThan(1e-5);
      const terms = (negatives[i] ?? []).map((x) => Math.exp(x / 0.2));
      const own = Math.exp(positive / 0.2);
      return -Math.log(own / (own + terms.reduce((a, b) => a + b, 0)));
    });
    const mean = losses.reduce((a, b) => a + b, 0) / losses.length;
    expect(scalarOf(outputs, 'loss')).toBeCloseTo(mean, 4);
  });

  it.each([1, 2])('updates the bank with the features of %i replicas', async (replicas) => {
    const indices = [7, 3, 20, 0, 11, 5, 21, 2].slice(0, 4 * replicas);
    const { outputs, before, after } = await stepped({ ...run, replicas }, indices);
    const ranks = replicas === 1 ? [''] : ['rank0.', 'rank1.'];
    const f = ranks.flatMap((rank) => rowsOf(outputs[`${rank}out.neck`]).map(unit));
    const expected = before.map((row, at) => {
      const feature = f[indices.indexOf(at)];
      return feature ? unit(row.map((x, d) => 0.75 * x + 0.25 * (feature[d] ?? 0))) : row;
    });
    expect(shown(after)).toEqual(shown(expected));
  });

  it('keeps the last feature of an image that is in the batch twice', async () => {
    const { outputs, before, after } = await stepped(run, [9, 4, 9, 9]);
    const f = rowsOf(outputs['out.neck']).map(unit);
    const [old = [], last = []] = [before[9], f[3]];
    const expected = unit(old.map((x, d) => 0.75 * x + 0.25 * (last[d] ?? 0)));
    expect(shown([after[9] ?? []])).toEqual(shown([expected]));
  });

  it('draws an image’s own row without ensureNeg, and never with it', async () => {
    // Of 3 rows, so that 40 draws an image would hit its own.
    const own = async (ensureNeg: boolean) => {
      const few = { ...run, samples: 3, spec: { ...spec, negatives: 40, ensureNeg } };
      const { outputs } = await stepped(few, [0, 1, 2, 0]);
      const positive = Array.from(outputs['out.positive']?.data ?? [], Number);
      return rowsOf(outputs['out.negative']).map(
        (row, i) => row.filter((x) => Math.abs(x - (positive[i] ?? 0)) < 1e-6).length,
      );
    };
    expect(await own(true)).toEqual([0, 0, 0, 0]);
    expect(Math.min(...(await own(false)))).toBeGreaterThan(4);
  });

  it('draws every other row alike with ensureNeg', async () => {
    const few = { ...run, samples: 5, spec: { ...spec, negatives: 2000, ensureNeg: true } };
    const { outputs, before } = await stepped(few, [0, 2, 4, 1]);
    const f = rowsOf(outputs['out.neck']).map(unit);
    rowsOf(outputs['out.negative']).forEach((drawn, i) => {
      const own = [0, 2, 4, 1][i];
      const counts = before.map((row) => {
        const similarity = dot(row, f[i] ?? []);
        return drawn.filter((x) => Math.abs(x - similarity) < 1e-5).length;
      });
      counts.forEach((n, at) => {
        // 500 each; five deviations are 97
        if (at === own) expect(n).toBe(0);
        else expect(Math.abs(n - 500)).toBeLessThan(97);
      });
    });
  });

  it('draws others for each image, replica and step', async () => {
    const few = { ...run, replicas: 2, spec: { ...spec, negatives: 20 } };
    await withLearner(
      few,
      async (learner) => {
        const drawn = [];
        for (let step = 0; step < 2; step++) {
          const batch = { ...batchOf(learner, 0), chance: Int32Array.of(step, 9) };
          const same = { ...batch, views: batch.views.map((view) => view.fill(100)) };
          const outputs = await runStep(learner.program, same, { rate: 0 });
          for (const rank of ['rank0', 'rank1'])
            drawn.push(...rowsOf(outputs[`${rank}.out.negative`]).map(String));
        }
        expect(new Set(drawn).size).toBe(16);
      },
      { observe: true },
    );
  });
});

describe('what NPID refuses', () => {
  const refuse = (change: object, count: number) => () =>
    npid
      .bind({ ...spec, ...change })
      .checkData(
        { samples: count, classes: undefined },
        { replicas: 1, batch: 4, dropLast: false },
      );

  it('more negatives than rows', () => {
    expect(refuse({ negatives: 25 }, 24)).toThrow(UserError);
    expect(refuse({ negatives: 25 }, 24)).toThrow(
      'method.negatives: 25, but data.train has 24 images',
    );
    expect(refuse({ negatives: 24 }, 24)).not.toThrow();
    expect(refuse({ negatives: 24, ensureNeg: true }, 24)).toThrow(/use at most 23/);
  });

  it('fields it does not know', () => {
    const value = { ...small, method: { ...small.method, ensureNegatives: true } };
    expect(() => parseExperiment(value, methods)).toThrow(/method.*ensureNegatives.*ensureNeg/s);
  });
});

describeMethod('npid', run);
