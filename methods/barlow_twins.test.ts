import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../harness/engine/index.ts';
import {
  advance,
  describeMethod,
  type SmallRun,
  scalarOf,
  withLearner,
} from '../harness/testing/method_suite.ts';
import { barlowTwins } from './barlow_twins.ts';

const run: SmallRun = {
  method: barlowTwins,
  spec: {
    kind: 'barlow_twins',
    neck: { kind: 'layers', hidden: [8, 8], out: 6, lastNorm: false },
    offDiagonal: 0.01,
    scale: 0.5,
  },
};

type Rows = readonly (readonly number[])[];

/** Algorithm 1 of arXiv:2103.03230 in plain loops, on rows [N][D] of each view. */
function slowLoss(a: Rows, b: Rows, offDiagonal: number): number {
  const [x, y] = [standardised(a), standardised(b)];
  const width = a[0]?.length ?? 0;
  let loss = 0;
  for (let i = 0; i < width; i++)
    for (let j = 0; j < width; j++) {
      let sum = 0;
      for (let n = 0; n < a.length; n++) sum += (x[n]?.[i] ?? 0) * (y[n]?.[j] ?? 0);
      const c = sum / a.length;
      loss += i === j ? (c - 1) ** 2 : offDiagonal * c ** 2;
    }
  return loss;
}

function standardised(rows: Rows): number[][] {
  const width = rows[0]?.length ?? 0;
  const columns = Array.from({ length: width }, (_, d) => {
    const values = rows.map((row) => row[d] ?? 0);
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
    return values.map((v) => (v - mean) / Math.sqrt(variance + 1e-5));
  });
  return rows.map((_, n) => columns.map((column) => column[n] ?? 0));
}

describe('the loss', () => {
  beforeAll(startEngine);

  it.each([1, 2])('is the paper’s, over the whole batch of %i replicas', async (replicas) => {
    const steps = fc.sample(fc.integer({ min: 0, max: 50 }), { seed: 3, numRuns: 2 });
    await withLearner(
      { ...run, replicas },
      async (learner) => {
        for (const step of steps) {
          const [outputs = {}] = await advance(learner, step, step + 1);
          const view = (call: string) =>
            Array.from({ length: replicas }, (_, r) => {
              const prefix = replicas > 1 ? `rank${r}.` : '';
              const { data, shape } = outputs[`${prefix}out.network${call}`] ?? {
                data: new Float32Array(),
                shape: [0, 0],
              };
              const [count = 0, width = 0] = shape;
              const all = Array.from(data as Float32Array);
              return Array.from({ length: count }, (__, n) =>
                all.slice(n * width, (n + 1) * width),
              );
            }).flat();
          const expected = 0.5 * slowLoss(view(''), view('#2'), 0.01);
          expect(scalarOf(outputs, 'loss') / expected).toBeCloseTo(1, 4);
        }
      },
      { observe: true },
    );
  });
});

describeMethod('barlow_twins', run);
