import { beforeAll, describe, expect, it } from 'vitest';
import type { HostArray } from '../harness/engine/array.ts';
import { startEngine } from '../harness/engine/index.ts';
import { bindMethod } from '../harness/experiment/bind.ts';
import { parseExperiment } from '../harness/experiment/spec.ts';
import {
  advance,
  describeMethod,
  type SmallRun,
  scalarOf,
  withLearner,
} from '../harness/testing/method_suite.ts';
import { small } from './byol.recipes.ts';
import { byol } from './byol.ts';
import { methods } from './index.ts';

const neck = { kind: 'mlp', hidden: 8, out: 6, norm: 'batch' } as const;
const run: SmallRun = {
  method: byol,
  spec: { kind: 'byol', neck, predictor: neck, momentum: 0.9 },
};

type Outputs = Readonly<Record<string, HostArray>>;
const values = (array: HostArray | undefined) => array?.data as Float32Array;

/** Equation 2 of arXiv:2006.07733 without its 2, row by row: mean of -2 cos. */
function slowDistance(prediction: HostArray | undefined, target: HostArray | undefined): number {
  const [count = 0, width = 0] = prediction?.shape ?? [];
  let total = 0;
  for (let i = 0; i < count; i++) {
    let [dot, p, t] = [0, 0, 0];
    for (let d = i * width; d < (i + 1) * width; d++) {
      const [a, b] = [values(prediction)[d] ?? 0, values(target)[d] ?? 0];
      dot += a * b;
      p += a * a;
      t += b * b;
    }
    total -= (2 * dot) / Math.sqrt(p * t) / count;
  }
  return total;
}

describe('a step', () => {
  beforeAll(startEngine);

  it.each([1, 2])('has the loss of plain loops with %i replicas', async (replicas) => {
    await withLearner(
      { ...run, replicas },
      async (learner) => {
        const [outputs = {}]: Outputs[] = await advance(learner, 0, 1);
        let loss = 0;
        for (let r = 0; r < replicas; r++) {
          const of = (name: string) => outputs[`${replicas > 1 ? `rank${r}.` : ''}out.${name}`];
          loss +=
            (slowDistance(of('head'), of('target_net#2')) +
              slowDistance(of('head#2'), of('target_net'))) /
            replicas;
        }
        expect(scalarOf(outputs, 'loss')).toBeCloseTo(loss, 5);
      },
      { observe: true },
    );
  });

  it('adds up the losses of rows where it is told', async () => {
    const summed = { ...run, spec: { ...run.spec, reduction: 'sum' } };
    const lossOf = (one: SmallRun) =>
      withLearner(one, async (learner) => {
        const [outputs = {}] = await advance(learner, 0, 1);
        return [scalarOf(outputs, 'loss'), learner.definition.batch] as const;
      });
    const [[sum, batch], [mean]] = [await lossOf(summed), await lossOf(run)];
    expect(sum / mean / batch).toBeCloseTo(1, 5);
  });

  it('learns the class that the same layer finds for the target', async () => {
    const spec = { ...run.spec, latentClasses: 3 };
    await withLearner(
      { ...run, spec },
      async (learner) => {
        const [outputs = {}]: Outputs[] = await advance(learner, 0, 1);
        const rowsOf = (name: string) => {
          const all = Array.from(values(outputs[`out.${name}`]));
          return Array.from({ length: all.length / 3 }, (_, i) => all.slice(3 * i, 3 * i + 3));
        };
        let loss = 0;
        for (const [prediction, target] of [
          ['head', 'head#2'],
          ['head#3', 'head#4'],
        ] as const) {
          const classes = rowsOf(target).map((row) => row.indexOf(Math.max(...row)));
          for (const [i, row] of rowsOf(prediction).entries()) {
            const all = row.reduce((sum, x) => sum + Math.exp(x), 0);
            loss -= Math.log(Math.exp(row[classes[i] ?? -1] ?? Number.NaN) / all) / classes.length;
          }
        }
        expect(scalarOf(outputs, 'loss')).toBeCloseTo(loss, 5);
      },
      { observe: true },
    );
  });

  it('moves the target after the optimiser, by the momentum of the step', async () => {
    await withLearner(run, async (learner) => {
      for (const step of [0, 1, 2]) {
        const before = await learner.save();
        await advance(learner, step, step + 1);
        const after = await learner.save();
        const { keep = 0, take = 0 } = learner.definition.method.scalars({ step, steps: 8 });
        expect(keep).toBeCloseTo(1 - (0.1 * (1 + Math.cos((Math.PI * step) / 8))) / 2, 15);
        const [m, n] = [Math.fround(keep), Math.fround(take)];
        for (const name of ['0.conv1.weight', '0.layer2.0.bn1.bias', '1.mlp.1.weight']) {
          const target = values(before.get(`target_net.${name}`));
          const online = values(after.get(`online_net.${name}`));
          const expected = target.map(
            (t, i) => Math.fround(t * m) + Math.fround((online[i] ?? 0) * n),
          );
          expect(values(after.get(`target_net.${name}`)), name).toEqual(expected);
          expect(online).not.toEqual(values(before.get(`online_net.${name}`)));
        }
        // Statistics are each network's own.
        const mean = (network: string) => values(after.get(`${network}.0.bn1.running_mean`));
        if (step > 0) expect(mean('target_net')).not.toEqual(mean('online_net'));
      }
    });
  });

  it('leaves the target alone in micro-steps that only add to gradients', async () => {
    await withLearner({ ...run, accumulate: 3 }, async (learner) => {
      const weight = 'target_net.0.conv1.weight';
      const at = async () => values((await learner.save()).get(weight));
      const start = await at();
      await advance(learner, 0, 2);
      expect(await at()).toEqual(start);
      await advance(learner, 2, 3);
      expect(await at()).not.toEqual(start);
    });
  });

  it('gives the target no gradient, and the predictor one', async () => {
    await withLearner(
      run,
      async (learner) => {
        const [outputs = {}] = await advance(learner, 0, 1);
        const names = Object.keys(outputs).filter((name) => name.startsWith('grad.'));
        expect(names.some((name) => name.includes('target_net'))).toBe(false);
        const predictor = values(outputs['grad.head.predictor.mlp.0.weight']);
        expect(predictor.some((x) => x !== 0)).toBe(true);
      },
      { observe: true },
    );
  });
});

// docs/reference/methods.md, section 15
describe('the momentum of the target', () => {
  const keep = (momentum: number, step: number, steps: number) =>
    byol.bind({ ...run.spec, momentum }).scalars({ step, steps }).keep;

  it.each([
    [0.996, 250_250, 1_001_000, 0.99658579],
    [0.996, 500_500, 1_001_000, 0.998],
    [0.996, 750_750, 1_001_000, 0.99941421],
    [0.99, 375_375, 1_501_500, 0.99146447],
    [0.99, 750_750, 1_501_500, 0.995],
  ])('from %d at step %i of %i is %d', (base, step, steps, expected) => {
    expect(keep(base, step, steps)).toBeCloseTo(expected, 8);
  });

  it('has hardly moved at the first update of 16 micro-steps, and ends at 1', () => {
    expect(keep(0.99, 15, 1_501_500)).toBeCloseTo(0.99000000000246, 13);
    const { take = 1 } = byol.bind(run.spec).scalars({ step: 1_000_999, steps: 1_001_000 });
    expect(take).toBeGreaterThan(0);
    expect(take).toBeLessThan(1e-12);
  });
});

describe('what BYOL refuses', () => {
  it('a predictor of another width than the projections', () => {
    const predictor = { ...neck, out: 5 };
    const check = () =>
      byol.bind({ ...run.spec, predictor }).check({ replicas: 1, batch: 4, dropLast: true });
    expect(check).toThrow(/method\.predictor\.out: 5, .*method\.neck\.out 6/);
  });

  it('data of one view', () => {
    const { pipelines } = small.data;
    const value = { ...small, data: { ...small.data, pipelines: pipelines.slice(0, 1) } };
    const experiment = parseExperiment(value, methods);
    expect(() => bindMethod(experiment, methods)).toThrow(
      'experiment byol: data.pipelines: found 1, expected 2: byol takes 2 views of each image',
    );
  });

  it.each([
    [{ momentum: 1.1 }, /method\.momentum: .*<=1, found 1.1/],
    [{ moment: 0.9 }, /method\.moment is not known; did you mean momentum/],
    [{ predictor: { kind: 'mpl' } }, /method\.predictor\.kind: .*did you mean "mlp"/],
  ])('%j', (change, message) => {
    const value = { ...small, method: { ...small.method, ...change } };
    expect(() => parseExperiment(value, methods)).toThrow(message);
  });
});

describeMethod('byol', run);
