import { expect, it } from 'vitest';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { targetOf } from '../harness/testing/target.ts';
import { linearMulti } from './linear.ts';
import { places205, placesSpec } from './places205.ts';

const bound = places205.bindBenchmark({ kind: 'places205', ...placesSpec.parse({}) });
if (bound.way !== 'trained') throw new Error('places205 trains');

it('has the numbers of the sheet, section 7', () => {
  const value = bound.experiments(targetOf()).places205;
  expect(parseExperiment(value, { linear_multi: linearMulti })).toMatchObject({
    method: { kind: 'linear_multi', classes: 205, pool: 'specified' },
    backbone: { norm: 'batch', frozenStages: 4, normEval: true },
    data: {
      train: { root: 'places205/train', file: 'places205/meta/train_labeled.txt' },
      pipelines: [
        [
          { kind: 'resize', size: 256 },
          { kind: 'centerCrop', size: 256 },
          { kind: 'randomCrop', padding: 0 },
          { kind: 'flip', p: 0.5 },
        ],
      ],
      size: 224,
    },
    replicas: 8,
    batch: 32,
    epochs: 28,
    optimizer: { kind: 'sgd', lr: 0.01, momentum: 0.9, nesterov: true, weightDecay: 1e-4 },
    schedule: { kind: 'step', milestones: [7, 14, 21], gamma: 0.1 },
    checkpoint: { everyEpochs: 1, keepEvery: 10, keepLast: 2 }, // the last epoch, 28, is kept
    evaluation: {
      test: { file: 'places205/meta/val_labeled.txt' },
      pipeline: [{ kind: 'resize', size: 256 }, { kind: 'centerCrop' }],
      batch: 32,
      classify: { everyEpochs: 10 },
    },
  });
});

it('tells the last epoch, which the original never evaluated', () => {
  const epochs = [
    { head0_top1: 1, head0_top5: 5 },
    { head0_top1: 40, head0_top5: 70 },
    { head0_top1: 30, head0_top5: 60 },
  ];
  const found = bound.summary(new Map([['places205', epochs]]));
  expect(found).toEqual({ head0_top1: 30, head0_top5: 60, best_head: 0, top1: 30, top5: 60 });
});
