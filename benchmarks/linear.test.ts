import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../harness/engine/index.ts';
import { bindMethod } from '../harness/experiment/bind.ts';
import { type Experiment, parseExperiment } from '../harness/experiment/spec.ts';
import { resnet } from '../harness/nn/resnet.ts';
import { runStep } from '../harness/step/step.ts';
import {
  advance,
  batchOf,
  describeMethod,
  digest,
  type SmallRun,
  scalarOf,
  withLearner,
} from '../harness/testing/method_suite.ts';
import { targetOf } from '../harness/testing/target.ts';
import { linear, linearMulti, linearSpec } from './linear.ts';

const heads = { kind: 'linear_multi', classes: 3, pool: 'adaptive', initStd: 0.01 };
const run: SmallRun = { method: linearMulti, spec: { ...heads, normMomentum: 0.1 } };
const methods = { linear_multi: linearMulti };

function experimentOf(spec: object, target = targetOf()): Experiment {
  const bound = linear.bindBenchmark({ kind: 'linear', ...linearSpec.parse(spec) });
  if (bound.way !== 'trained') throw new Error('linear trains');
  return parseExperiment(bound.experiments(target).linear, methods);
}

describe('the protocol', () => {
  it('has the numbers of the sheet, section 5', () => {
    expect(experimentOf({})).toMatchObject({
      method: { classes: 1000, pool: 'specified', initStd: 0.01, normMomentum: 0.1 },
      backbone: { depth: 50, norm: 'batch', frozenStages: 4, normEval: true },
      data: {
        train: { kind: 'list', file: 'imagenet/meta/train_labeled.txt', labelled: true },
        pipelines: [
          [
            { kind: 'randomResizedCrop', scale: [0.08, 1] },
            { kind: 'flip', p: 0.5 },
            { kind: 'colorJitter', brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0, p: 1 },
            { kind: 'lighting', std: 0.1 },
          ],
        ],
        size: 224,
      },
      replicas: 8,
      batch: 32,
      epochs: 90,
      optimizer: { kind: 'sgd', lr: 0.01, momentum: 0.9, nesterov: true, weightDecay: 1e-4 },
      schedule: { kind: 'step', milestones: [30, 60, 90], gamma: 0.1, per: 'epoch' },
      checkpoint: { keepEvery: 10 },
      evaluation: {
        test: { file: 'imagenet/meta/val_labeled.txt' },
        pipeline: [{ kind: 'resize', size: 256 }, { kind: 'centerCrop' }],
        batch: 128,
        classify: { everyEpochs: 10 },
      },
    });
    expect(experimentOf({}).optimizer.rules).toEqual([]);
  });

  it('has five heads of about nine thousand values for a ResNet-50', () => {
    const experiment = experimentOf({});
    const { networks, classifier } = bindMethod(experiment, methods).model(
      resnet(experiment.backbone),
    );
    const widths = [0, 1, 2, 3, 4].map(
      (i) => networks.head?.parameters.get(`fcs.${i}.weight`)?.shape,
    );
    expect(widths).toEqual([9216, 9216, 8192, 9216, 8192].map((width) => [1000, width]));
    expect(classifier).toMatchObject({ heads: 5, classes: 1000, frozen: { width: 44032 } });
    const learning = Object.values(networks).flatMap(({ parameters }) =>
      [...parameters].flatMap(([name, { trainable }]) => (trainable ? [name] : [])),
    );
    expect(learning.sort()).toEqual(
      [0, 1, 2, 3, 4].flatMap((i) => [`fcs.${i}.bias`, `fcs.${i}.weight`]),
    );
  });

  it('has Sobel filters and two channels for weights that saw edges, nothing else', () => {
    const { backbone, method, ...rest } = experimentOf({}, targetOf({}, { sobel: true }));
    const plain = experimentOf({});
    expect(backbone).toEqual({ ...plain.backbone, channels: 2 });
    expect(method).toEqual({ ...plain.method, sobel: true });
    expect(rest).toEqual({ ...plain, backbone: undefined, method: undefined });
  });

  it('tells each level and the best one after the last epoch', () => {
    const bound = linear.bindBenchmark({ kind: 'linear', ...linearSpec.parse({}) });
    if (bound.way !== 'trained') throw new Error('linear trains');
    const epochs = [
      { head0_top1: 99, head0_top5: 99, head1_top1: 0, head1_top5: 0 }, // untrained
      { loss: 1, head0_top1: 30, head0_top5: 60, head1_top1: 60, head1_top5: 90 },
      { loss: 1, head0_top1: 40, head0_top5: 61, head1_top1: 50, head1_top5: 89 },
    ];
    expect(bound.summary(new Map([['linear', epochs]]))).toEqual({
      ...{ head0_top1: 40, head0_top5: 61, head1_top1: 50, head1_top5: 89 },
      ...{ best_head: 1, top1: 50, top5: 89 },
    });
    expect(bound.summary(new Map([['linear', epochs.slice(0, 1)]]))).toEqual({});
  });

  it.each<[string, object, RegExp]>([
    [
      'a backbone that learns',
      { backbone: { depth: 18, frozenStages: 3 } },
      /frozenStages: found 3, expected 4/,
    ],
    [
      'views that are drawn anew, of features that are computed once',
      { method: { ...heads, normMomentum: 0.1, cache: 10 } },
      /data\.pipelines\[0\]: found randomResizedCrop, expected resize and centerCrop alone/,
    ],
  ])('refuses %s', (_, change, message) => {
    const value = { ...experimentOf({}), ...change };
    expect(() => bindMethod(parseExperiment(value, methods), methods)).toThrow(message);
  });

  it('refuses data of another number of classes', () => {
    const method = bindMethod(experimentOf({}), methods);
    const shape = { replicas: 1, batch: 1, dropLast: true };
    expect(() => method.checkData({ samples: 9, classes: 7 }, shape)).toThrow(
      'method.classes: found 1000, expected the 7 classes of data.train',
    );
  });
});

describe('a step', () => {
  beforeAll(startEngine);

  it('has the sum of the cross entropies of all levels, as plain loops have them', async () => {
    await withLearner(
      run,
      async (learner) => {
        const labels = Int32Array.of(2, 0, 0, 1);
        const batch = { ...batchOf(learner, 0), labels };
        const outputs = await runStep(learner.program, batch, { rate: 0.1 });
        const logits = [...(outputs['out.head']?.data ?? [])].map(Number);
        const levels = logits.length / labels.length / 3;
        expect(levels).toBe(4); // of the small backbone
        let sum = 0;
        for (let level = 0; level < levels; level++) {
          let total = 0;
          let right = 0;
          for (const [row, label] of labels.entries()) {
            const from = row * levels * 3 + level * 3;
            const own = logits.slice(from, from + 3);
            const all = own.reduce((a, x) => a + Math.exp(x), 0);
            total -= Math.log(Math.exp(own[label] ?? Number.NaN) / all);
            right += own.indexOf(Math.max(...own)) === label ? 1 : 0;
          }
          expect(scalarOf(outputs, `loss.${level + 1}`)).toBeCloseTo(total / 4, 5);
          expect(scalarOf(outputs, `acc.${level + 1}`)).toBeCloseTo(right / 4, 6);
          sum += total / 4;
        }
        expect(scalarOf(outputs, 'loss')).toBeCloseTo(sum, 5);
      },
      { observe: true },
    );
  });

  it('leaves the backbone as it is, and has no gradient of it in its graph', async () => {
    await withLearner(run, async (learner) => {
      const before = await learner.save();
      await advance(learner, 0, 2);
      const after = await learner.save();
      const moved = [...before.keys()].filter(
        (name) => String(before.get(name)?.data) !== String(after.get(name)?.data),
      );
      const expected = [0, 1, 2, 3].flatMap((i) => [
        `head.fcs.${i}.bias`,
        `head.fcs.${i}.weight`,
        ...['mean', 'var'].map((of) => `head.norms.${i}.running_${of}`),
        `head.norms.${i}.num_batches_tracked`,
      ]);
      const weights = moved.filter((name) => !name.startsWith('optimizer.'));
      expect(weights.sort()).toEqual(expected.sort());
      const ops = learner.program.graph.nodes.map(({ type }) => type);
      expect(ops.filter((op) => /^Conv2D$|^_FusedConv2D$/.test(op)).length).toBeGreaterThan(6);
      expect(ops.filter((op) => op.startsWith('Conv2DBackprop'))).toEqual([]);
    });
  });

  it('normalises each channel of a head by the statistics of all replicas', async () => {
    const state = await withLearner({ ...run, replicas: 2 }, async (learner) => {
      await advance(learner, 0, 1);
      return learner.save();
    });
    const name = 'head.norms.3.running_mean';
    const [first, second] = [state.get(name), state.get(`replica1.${name}`)];
    expect(first?.data.some((value) => value !== 0)).toBe(true);
    expect(second?.data).toEqual(first?.data);
  });

  it('of features that are computed once goes on from a saved state without a trace', async () => {
    const cached = { method: linearMulti, spec: { ...run.spec, cache: 8 } };
    const states = await withLearner(cached, async (learner) => {
      await advance(learner, 0, 2);
      const saved = await learner.save();
      await advance(learner, 2, 4);
      const unbroken = digest(await learner.save());
      await learner.restore(saved);
      await advance(learner, 2, 4);
      return { unbroken, resumed: digest(await learner.save()) };
    });
    expect(states.resumed).toBe(states.unbroken);
  });
});

describeMethod('linear_multi', { ...run, learning: 8 });
