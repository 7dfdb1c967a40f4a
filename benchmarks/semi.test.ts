import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../harness/engine/index.ts';
import { bindMethod } from '../harness/experiment/bind.ts';
import { type Experiment, parseExperiment } from '../harness/experiment/spec.ts';
import { resnet } from '../harness/nn/resnet.ts';
import { stepDefinition } from '../harness/step/definition.ts';
import {
  advance,
  describeMethod,
  type SmallRun,
  withLearner,
} from '../harness/testing/method_suite.ts';
import { targetOf } from '../harness/testing/target.ts';
import { semi, semiMethod, semiSpec } from './semi.ts';

const methods = { semi: semiMethod };

function boundOf(spec: object) {
  const bound = semi.bindBenchmark({ kind: 'semi', ...semiSpec.parse(spec) });
  if (bound.way !== 'trained') throw new Error('semi trains');
  return bound;
}

function experimentsOf(spec: object, target = targetOf()): Map<string, Experiment> {
  const inputs = Object.entries(boundOf(spec).experiments(target));
  return new Map(inputs.map(([name, input]) => [name, parseExperiment(input, methods)]));
}

const GRID = [0.001, 0.01, 0.1].flatMap((lr) =>
  [1, 10, 100].map((head) => [`lr${lr}_head${head}`, lr, head] as const),
);

describe('the protocol', () => {
  // docs/reference/benchmarks.md, section 8
  it.each([
    [1, 5e-4, 10],
    [10, 1e-4, 50],
  ] as const)('has the numbers of the sheet, section 8, at %i %%', (percent, weightDecay, log) => {
    const cells = experimentsOf({ percent });
    expect([...cells.keys()]).toEqual(GRID.map(([name]) => name));
    for (const [name, lr, head] of GRID)
      expect(cells.get(name)).toMatchObject({
        name: `semi/${name}`,
        method: { kind: 'semi', classes: 1000, initStd: 0.01 },
        backbone: { depth: 50, norm: 'sync', frozenStages: -1, normEval: false },
        data: {
          train: {
            kind: 'list',
            root: 'imagenet/train',
            file: `imagenet/meta/train_labeled_${percent}percent.txt`,
            labelled: true,
          },
          pipelines: [
            [
              { kind: 'randomResizedCrop', scale: [0.08, 1] },
              { kind: 'flip', p: 0.5 },
            ],
          ],
          size: 224,
        },
        replicas: 4,
        batch: 64,
        epochs: 20,
        optimizer: {
          ...{ kind: 'sgd', lr, momentum: 0.9, nesterov: false, weightDecay },
          rules: [{ match: '^head\\.', lrMultiplier: head }],
        },
        schedule: { kind: 'step', milestones: [12, 16], gamma: 0.2, per: 'epoch' },
        checkpoint: { keepEvery: 20 },
        log: { everySteps: log },
        evaluation: {
          pipeline: [{ kind: 'resize', size: 256 }, { kind: 'centerCrop' }],
          batch: 32,
          classify: { everyEpochs: 20 },
        },
      });
  });

  it('gives the head its own rate, and no other parameter', () => {
    const experiment = experimentsOf({ percent: 1 }).get('lr0.01_head100');
    if (experiment === undefined) throw new Error('no cell');
    const { rules } = stepDefinition(experiment, bindMethod(experiment, methods));
    const fast = [...rules].filter(([, { lrMultiplier }]) => lrMultiplier === 100);
    expect(fast.map(([name]) => name)).toEqual(['head.fc_cls.weight', 'head.fc_cls.bias']);
    expect([...rules.values()].filter(({ lrMultiplier }) => lrMultiplier === 1)).toHaveLength(
      [...resnet(experiment.backbone).module.parameters].length,
    );
  });

  it('draws as many images of each class where there are no lists', () => {
    const cell = experimentsOf({ percent: 10, subset: { kind: 'drawn', seed: 3 } });
    expect(cell.get('lr0.1_head1')?.data.train).toEqual({
      kind: 'subset',
      source: {
        ...{ kind: 'list', root: 'imagenet/train', file: 'imagenet/meta/train_labeled.txt' },
        labelled: true,
      },
      percent: 10,
      seed: 3,
    });
    const data = { ...(semi.drawn.data as object) };
    expect(() => experimentsOf({ percent: 1, data })).toThrow(
      'benchmark.subset.kind: lists, but benchmark.data.train is of kind generated; use drawn',
    );
  });

  it('tells the best cell after its last epoch, and each of those that were run', () => {
    const run = (top1: number) => [
      { head0_top1: 99, head0_top5: 99 },
      { loss: 1 },
      { head0_top1: top1, head0_top5: top1 + 20 },
    ];
    const runs = new Map([
      ['lr0.1_head1', run(30)],
      ['lr0.01_head10', run(40)],
      ['lr0.01_head100', run(40)],
      ['lr0.001_head1', run(0).slice(0, 1)], // not trained yet
    ]);
    expect(boundOf({ percent: 1 }).summary(runs)).toEqual({
      ...{ top1: 40, top5: 60, best_lr: 0.01, best_head: 10 },
      ...{ 'lr0.01_head10_top1': 40, 'lr0.01_head10_top5': 60 },
      ...{ 'lr0.01_head100_top1': 40, 'lr0.01_head100_top5': 60 },
      ...{ 'lr0.1_head1_top1': 30, 'lr0.1_head1_top5': 50 },
    });
    expect(boundOf({ percent: 1 }).summary(new Map())).toEqual({});
  });

  it.each([[5], [undefined]])('refuses %s %% of the labels', (percent) => {
    expect(semiSpec.safeParse({ percent }).success).toBe(false);
  });
});

const run: SmallRun = {
  method: semiMethod,
  spec: { kind: 'semi', classes: 3, initStd: 0.01 },
  norm: 'sync',
};

describe('a step', () => {
  beforeAll(startEngine);

  it('moves backbone and head', async () => {
    await withLearner(run, async (learner) => {
      const before = await learner.save();
      await advance(learner, 0, 1);
      const after = await learner.save();
      const still = [...before.keys()].filter(
        (name) => String(before.get(name)?.data) === String(after.get(name)?.data),
      );
      expect(still).toEqual([]);
    });
  });
});

describeMethod('semi', run);
