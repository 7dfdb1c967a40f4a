import { beforeAll, describe, expect, it } from 'vitest';
import type { HostArray } from '../harness/engine/array.ts';
import { startEngine } from '../harness/engine/index.ts';
import { bindMethod } from '../harness/experiment/bind.ts';
import { checkExperiment } from '../harness/experiment/checks.ts';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { runStep } from '../harness/step/step.ts';
import {
  advance,
  batchOf,
  describeMethod,
  type SmallRun,
  scalarOf,
  withLearner,
} from '../harness/testing/method_suite.ts';
import { methods } from './index.ts';
import { small } from './relative_loc.recipes.ts';
import { relativeLoc, relativeLocSpec } from './relative_loc.ts';

const run: SmallRun = {
  method: relativeLoc,
  spec: { kind: 'relative_loc', neck: { ...relativeLocSpec.parse({}).neck, out: 8 } },
};

const values = (array: HostArray | undefined) => [...(array?.data ?? [])].map(Number);

describe('a step', () => {
  beforeAll(startEngine);

  it('has the mean cross entropy of the places, pair after pair', async () => {
    await withLearner(
      run,
      async (learner) => {
        const [outputs = {}] = await advance(learner, 0, 1);
        const logits = values(outputs['out.head']);
        expect(outputs['out.head']?.shape).toEqual([32, 8]);
        let total = 0;
        for (let row = 0; row < 32; row++) {
          const own = logits.slice(8 * row, 8 * row + 8);
          const all = own.reduce((sum, x) => sum + Math.exp(x), 0);
          total -= Math.log(Math.exp(own[row % 8] ?? Number.NaN) / all);
        }
        expect(scalarOf(outputs, 'loss')).toBeCloseTo(total / 32, 5);
      },
      { observe: true },
    );
  });

  it('joins each outer patch, in rows, with the one in the middle of its image', async () => {
    await withLearner(
      run,
      async (learner) => {
        const batch = batchOf(learner, 0);
        const [first] = batch.views;
        const pixels = (first?.length ?? 0) / 4;
        // Patch p of image n is grey of its own: equal patches have equal features.
        const views = batch.views.map((_, patch) =>
          Uint8Array.from(
            { length: 4 * pixels },
            (__, i) => 20 * patch + 5 * Math.floor(i / pixels),
          ),
        );
        const outputs = await runStep(learner.program, { ...batch, views }, { rate: 0.1 });
        const middle = values(outputs['out.backbone#2']);
        const width = middle.length / 32;
        const of = (pair: number) => middle.slice(pair * width, (pair + 1) * width);
        for (let n = 0; n < 4; n++)
          for (let pair = 1; pair < 8; pair++) expect(of(8 * n + pair)).toEqual(of(8 * n));
        expect(of(8)).not.toEqual(of(0));
        const swapped = views.map((view, patch) => (patch === 7 ? (views[8] ?? view) : view));
        await learner.initialise(0);
        const other = await runStep(learner.program, { ...batch, views: swapped }, { rate: 0.1 });
        // Patch 7 is pair 6; with the pixels of patch 8 it has the features of pair 7.
        const around = values(other['out.backbone']);
        const pairOf = (pair: number) => around.slice(pair * width, (pair + 1) * width);
        expect(pairOf(6)).toEqual(pairOf(7));
        expect(pairOf(5)).not.toEqual(pairOf(7));
      },
      { observe: true },
    );
  });

  it('drops other features in the next step and in another replica', async () => {
    await withLearner(
      { ...run, replicas: 2, learningRate: 0 },
      async (learner) => {
        const dropped = (output: HostArray | undefined) => values(output).map((x) => x === 0);
        const batch = batchOf(learner, 0);
        const views = batch.views.map((view) => {
          const half = view.subarray(0, view.length / 2);
          return Uint8Array.from([...half, ...half]);
        });
        const outputs = await runStep(learner.program, { ...batch, views }, { rate: 0 });
        const [a, b] = [0, 1].map((r) => dropped(outputs[`rank${r}.out.neck`]));
        expect(outputs['rank0.out.backbone']?.data).toEqual(outputs['rank1.out.backbone']?.data);
        expect(a).not.toEqual(b);
      },
      { observe: true },
    );
  });
});

describe('what Relative Location refuses', () => {
  const refuse = (data: object) => () => {
    const experiment = parseExperiment({ ...small, data: { ...small.data, ...data } }, methods);
    bindMethod(experiment, methods);
    checkExperiment(experiment);
  };

  it('an image that is smaller than the grid of patches', () => {
    expect(refuse({ size: 9 })).toThrow(
      'experiment relative-loc: data.pipelines[0][2]: 3 x 3 patches of 9 pixels with a jitter of 3 ' +
        'need 36 pixels, but images are 33 there; resize before, or use a smaller data.size or jitter',
    );
    expect(refuse({})).not.toThrow();
  });

  it('pipelines that do not make nine views', () => {
    const whole = [{ kind: 'randomResizedCrop' }];
    expect(refuse({ pipelines: [whole] })).toThrow(/data\.pipelines: found 1, expected 9/);
    const two = [
      { kind: 'resize', size: 48 },
      { kind: 'patches', grid: 2, jitter: 4 },
    ];
    expect(refuse({ pipelines: [two] })).toThrow(/found 4, expected 9/);
  });
});

describeMethod('relative_loc', run);
