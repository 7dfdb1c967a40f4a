import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { inTemporaryFolder } from '../harness/base/index.ts';
import { defaultPipeline } from '../harness/data/default_pipeline.ts';
import { type HostArray, hostArray } from '../harness/engine/array.ts';
import { startEngine } from '../harness/engine/index.ts';
import { bindMethod } from '../harness/experiment/bind.ts';
import { type Experiment, parseExperiment } from '../harness/experiment/spec.ts';
import { resnet } from '../harness/nn/resnet.ts';
import { metricsOf } from '../harness/record/entries.ts';
import { refuseUntrained, testWeights } from '../harness/run/test_weights.ts';
import { train } from '../harness/run/trainer.ts';
import { stepDefinition } from '../harness/step/definition.ts';
import { Learner } from '../harness/step/learner.ts';
import { describeMethod, type SmallRun } from '../harness/testing/method_suite.ts';
import { TINY, targetOf } from '../harness/testing/target.ts';
import { writeSafetensors } from '../harness/weights/safetensors.ts';
import { linearLast, linearLastBenchmark, linearLastSpec } from './linear_last.ts';

const methods = { linear_last: linearLast };

function boundOf(spec: object) {
  const bound = linearLastBenchmark.bindBenchmark({
    kind: 'linear_last',
    ...linearLastSpec.parse(spec),
  });
  if (bound.way !== 'trained') throw new Error('linear_last trains');
  return bound;
}

function experimentOf(spec: object, target = targetOf()): Experiment {
  return parseExperiment(boundOf(spec).experiments(target).linear_last, methods);
}

describe('the protocol', () => {
  it('has the numbers of the sheet, section 6', () => {
    const found = experimentOf({});
    expect(found).toMatchObject({
      method: { classes: 1000, initStd: 0.01, health: { steps: 100 } },
      backbone: { depth: 50, norm: 'batch', frozenStages: 4, normEval: true },
      data: {
        train: { file: 'imagenet/meta/train_labeled.txt' },
        pipelines: [
          [
            { kind: 'randomResizedCrop', scale: [0.08, 1] },
            { kind: 'flip', p: 0.5 },
          ],
        ],
        size: 224,
      },
      replicas: 8,
      batch: 32,
      epochs: 100,
      optimizer: { kind: 'sgd', lr: 30, momentum: 0.9, nesterov: false, weightDecay: 0, rules: [] },
      schedule: { kind: 'step', milestones: [60, 80], gamma: 0.1, per: 'epoch' },
      checkpoint: { keepEvery: 10 },
      evaluation: {
        pipeline: [{ kind: 'resize', size: 256 }, { kind: 'centerCrop' }],
        batch: 128,
        classify: { everyEpochs: 1 },
      },
    });
    const { networks } = linearLast.bind(found.method).model(resnet(found.backbone));
    expect(networks.head?.parameters.get('fc_cls.weight')).toMatchObject({
      shape: [1000, 2048],
      initial: { kind: 'normal', std: 0.01 },
    });
  });

  it('tells the best epoch, the first of equal ones, beside the last; not the untrained state', () => {
    const epochs = [
      { head0_top1: 90, head0_top5: 99 },
      { head0_top1: 50, head0_top5: 80 },
      { head0_top1: 60, head0_top5: 81 },
      { head0_top1: 60, head0_top5: 83 },
      { head0_top1: 55, head0_top5: 82 },
    ];
    expect(boundOf({}).summary(new Map([['linear_last', epochs]]))).toEqual({
      ...{ top1: 60, top5: 81, best_epoch: 2, last_top1: 55, last_top5: 82 },
    });
  });
});

const small = {
  ...linearLastBenchmark.drawn,
  data: {
    train: { kind: 'generated', count: 48, size: 16, classes: 4 },
    test: { kind: 'generated', count: 16, size: 16, classes: 4, split: 'test' },
    size: 16,
    pipeline: defaultPipeline(16),
    view: defaultPipeline(16),
  },
  ...{ classes: 4, replicas: 1, batch: 16, epochs: 2, milestones: [1], judgeBatch: 16 },
};

describe('a run', () => {
  beforeAll(startEngine);
  const common = { methods, data: '.', workers: 0, terminal: { write: () => true } };

  it('of features that are computed once has the same bits when it is stopped and goes on', async () => {
    await inTemporaryFolder('last-', async (folder) => {
      const experiment = experimentOf({ ...small, cache: 8 }, targetOf(TINY));
      const whole = await train({ ...common, experiment, workDir: join(folder, 'whole') });
      const stopped = { ...common, experiment, workDir: join(folder, 'stopped') };
      await train({ ...stopped, stopAfterEpoch: 1 });
      const resumed = await train({ ...stopped, resumeFrom: 'auto' });
      expect(resumed.record.epochs).toEqual(whole.record.epochs);
      const { head0_top1, head0_top5 } = metricsOf(whole.record.epochs[2]?.metrics ?? {});
      expect(head0_top1).toBeGreaterThanOrEqual(0);
      // What a test of its checkpoint finds is what the run itself has found.
      const file = join(folder, 'whole', 'epoch_2.safetensors');
      const tested = await testWeights({ file, methods, data: '.', workers: 0 });
      expect(tested).toEqual({ head0_top1, head0_top5 });
    });
  });

  it('that was not trained has no classifier to test', async () => {
    const experiment = experimentOf(small, targetOf(TINY));
    const method = bindMethod(experiment, methods);
    const learner = new Learner(stepDefinition(experiment, method));
    await learner.initialise(experiment.seed);
    const state = await learner.save();
    learner.dispose();
    const model = method.model(resnet(experiment.backbone));
    const refuse = (tensors: typeof state) => () =>
      refuseUntrained('head.safetensors', experiment, model, tensors);
    expect(refuse(state)).toThrow(
      /^head\.safetensors: head\.fc_cls\.weight is as seed 0 drew it: the classifier of linear_last was never trained/,
    );
    const backbone = new Map([...state].filter(([name]) => name.startsWith('backbone.')));
    expect(refuse(backbone)).toThrow(
      /^head\.safetensors: head\.fc_cls\.weight is missing: there are no trained weights of its classifier/,
    );
    const bias = hostArray('float32', [4], Float32Array.of(1, 0, 0, 0));
    expect(refuse(new Map([...state, ['head.fc_cls.bias', bias] as const]))).not.toThrow();
  });

  it('of fixed views learns from features that are computed once as from those of each step', async () => {
    await inTemporaryFolder('last-', async (folder) => {
      const losses = [];
      for (const cache of [0, 8]) {
        const experiment = experimentOf({ ...small, lr: 0.1, cache }, targetOf(TINY));
        const { record } = await train({
          ...common,
          experiment,
          workDir: join(folder, `${cache}`),
        });
        losses.push(record.epochs.slice(1).map(({ metrics }) => Number(metrics.loss?.value)));
      }
      const [anew = [], once = []] = losses;
      expect(once).toHaveLength(2);
      for (const [epoch, loss] of once.entries()) expect(loss).toBeCloseTo(anew[epoch] ?? 0, 5);
    });
  });

  it('of a dead load stops and says so; heads of the file are not taken', async () => {
    await inTemporaryFolder('last-', async (folder) => {
      const experiment = experimentOf(
        { ...small, batch: 48, epochs: 1, milestones: [], health: { steps: 1 } },
        targetOf(TINY),
      );
      const file = join(folder, 'zeros.safetensors');
      const { parameters, buffers } = resnet(experiment.backbone).module;
      const tensors = new Map<string, HostArray>(
        [...parameters, ...buffers]
          .filter(([, { dtype }]) => dtype === 'float32')
          .map(([name, { shape }]) => {
            const [h, w, i, o] = shape;
            const own = o === undefined ? shape : [o, i ?? 0, h ?? 0, w ?? 0];
            const size = own.reduce((a, b) => a * b, 1);
            const value = name.endsWith('running_var') ? 1 : 0;
            return [
              `backbone.${name}`,
              hostArray('float32', own, new Float32Array(size).fill(value)),
            ] as const;
          }),
      );
      const head = hostArray('float32', [4, 32], new Float32Array(128).fill(5));
      tensors.set('head.fc_cls.weight', head);
      tensors.set('head.fc_cls.bias', hostArray('float32', [4], Float32Array.of(9, 0, 0, 0)));
      await writeSafetensors(file, { tensors, metadata: {} });
      const run = { ...common, experiment, workDir: join(folder, 'dead'), pretrained: file };
      await expect(train(run)).rejects.toThrow(
        /zeros\.safetensors: a dead load: loss 1\.39, accuracy 25\.0 % after 1 steps/,
      );
    });
  });
});

const run: SmallRun = {
  method: linearLast,
  spec: { kind: 'linear_last', classes: 3, initStd: 0.01, health: { steps: 0 }, cache: 8 },
  learning: 2,
};
describeMethod('linear_last of features that are computed once', run);
