import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openSource } from '../data/open_source.ts';
import { hostArray } from '../engine/array.ts';
import { startEngine } from '../engine/index.ts';
import { tf } from '../engine/tf.ts';
import { bindMethod } from '../experiment/bind.ts';
import { defineMethod, type Method } from '../experiment/method.ts';
import { parseExperiment } from '../experiment/spec.ts';
import { classifier } from '../nn/heads.ts';
import { averagePixels } from '../nn/layers.ts';
import type { Module } from '../nn/module.ts';
import { stream } from '../random/stream.ts';
import type { Tensors } from '../step/learner.ts';
import { openEvaluator } from './evaluator.ts';
import { topShare } from './rows.ts';

const CLASSES = 10; // CIFAR's; there are images of the first 4
const COLOURS = 4;

/** Tells colours by the mean over the image. */
const colours: Method<Record<string, never>> = {
  kind: 'colours',
  schema: z.strictObject({}),
  views: 1,
  model: (_, backbone) => ({
    networks: {
      net: backbone.module,
      tell: classifier({ inputs: 3, classes: CLASSES, pool: true }),
    },
    backbone: 'net.',
    classifier: { networks: ['tell'], classes: CLASSES },
  }),
  loss() {
    return { loss: tf.scalar(0) };
  },
};
const blind: typeof colours = {
  ...colours,
  kind: 'blind',
  model: (spec, backbone, data) => {
    const { classifier: _, ...rest } = colours.model(spec, backbone, data);
    return rest;
  },
};
/** Two classifiers side by side, the second of which answers for the class after its own, on what never learns. */
const two: typeof colours = {
  ...colours,
  kind: 'two',
  model: (_, backbone) => {
    const tell = classifier({ inputs: 3, classes: CLASSES });
    const pair: Module = {
      ...tell,
      apply: (params, x, context) => {
        const logits = tell.apply(params, x, context);
        const last = tf.slice(logits, [0, CLASSES - 1], [-1, 1]);
        const rest = tf.slice(logits, [0, 0], [-1, CLASSES - 1]);
        return tf.concat([logits, last, rest], 1);
      },
    };
    return {
      networks: { net: backbone.module, mean: averagePixels, tell: pair },
      backbone: 'net.',
      classifier: {
        networks: ['tell'],
        classes: CLASSES,
        heads: 2,
        frozen: { networks: ['mean'], width: 3 },
      },
    };
  },
};
const methods = {
  colours: defineMethod(colours),
  blind: defineMethod(blind),
  two: defineMethod(two),
};

const folder = mkdtempSync(join(tmpdir(), 'classify-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const COUNT = 30;

/** Red, green, blue and bright images with noise; one in ten is labelled with the class after its own. */
function writeImages(): void {
  const record = (i: number) => {
    const colour = i % COLOURS;
    const noise = stream(i, 'pixels');
    const bright = (at: number) => colour === 3 || Math.floor(at / 1024) === colour;
    const pixels = Array.from({ length: 3072 }, (_, at) => (bright(at) ? 200 : 20));
    const label = i % 10 === 9 ? (colour + 1) % COLOURS : colour;
    return [label, ...pixels.map((value) => value + noise.int(0, 40))];
  };
  const bytes = Uint8Array.from(Array.from({ length: COUNT }, (_, i) => record(i)).flat());
  writeFileSync(join(folder, 'test_batch.bin'), bytes);
}

// Its own channel against the others; all three together.
const TELLING = [4, -2, -2, -2, 4, -2, -2, -2, 4, 1.2, 1.2, 1.2];

function weightsOf(values: readonly number[]): Tensors {
  const weight = new Float32Array(CLASSES * 3);
  weight.set(values);
  const bias = new Float32Array(CLASSES).fill(-100, COLOURS);
  return new Map([
    ['tell.fc_cls.weight', hostArray('float32', [CLASSES, 3], weight)],
    ['tell.fc_cls.bias', hostArray('float32', [CLASSES], bias)],
  ]);
}

async function opened(change: object = {}, kind = 'colours') {
  const value = {
    name: 'judged',
    method: { kind },
    backbone: { depth: 18, width: 0.125, stem: 'cifar' },
    data: {
      train: { kind: 'cifar10', root: '.', split: 'test' },
      pipelines: [[{ kind: 'flip' }]],
      size: 32,
    },
    batch: 4,
    epochs: 5,
    optimizer: { kind: 'sgd', lr: 0.1 },
    schedule: { kind: 'constant' },
    evaluation: {
      test: { kind: 'cifar10', root: '.', split: 'test' },
      batch: 8,
      classify: { everyEpochs: 2 },
      ...change,
    },
  };
  const experiment = parseExperiment(value, methods);
  const method = bindMethod(experiment, methods);
  const evaluator = await openEvaluator({
    experiment,
    method,
    data: folder,
    workers: 0,
    trained: await openSource(experiment.data.train, { data: folder }),
  });
  if (evaluator === undefined) throw new Error('no evaluator');
  return evaluator;
}

describe('the classifier of a run', () => {
  beforeAll(async () => {
    writeImages();
    await startEngine();
  });

  it.each([32, 16])('is judged on every test image, at %i pixels', async (size) => {
    const evaluator = await opened({ size });
    const right = await evaluator.atEpoch(0, weightsOf(TELLING));
    expect(right).toEqual({ test_top1: 90, test_top5: 100 });
    // Each class answers for the one before it: what was labelled wrong is right.
    const turned = [...TELLING.slice(-3), ...TELLING.slice(0, -3)];
    expect((await evaluator.atEpoch(0, weightsOf(turned))).test_top1).toBe(10);
    expect(Object.keys(evaluator.manifests)).toEqual(['evaluation.test']);
    await evaluator.dispose();
  });

  it('may be several, each judged by itself in one pass, on what is computed once', async () => {
    const evaluator = await opened({}, 'two');
    const own = [TELLING, [...TELLING.slice(-3), ...TELLING.slice(0, -3)]];
    const found = [];
    for (const weights of own) found.push(await evaluator.atEpoch(0, weightsOf(weights)));
    const tops = found.map(({ head0_top1, head1_top1 }) => [head0_top1, head1_top1]);
    // Of the three images that are labelled with the class after their own, one is of the last colour.
    expect(tops[0]).toEqual([90, 200 / COUNT]);
    expect(tops[1]?.[0]).toBe(10);
    expect(Object.keys(found[0] ?? {})).toEqual([
      ...['head0_top1', 'head0_top5', 'head1_top1', 'head1_top5'],
    ]);
    await evaluator.dispose();
  });

  it('is judged before training, at its epochs and after the last one', async () => {
    const evaluator = await opened();
    const judged = [];
    for (const epoch of [0, 1, 2, 3, 4, 5])
      judged.push(Object.keys(await evaluator.atEpoch(epoch, weightsOf(TELLING))).length);
    expect(judged).toEqual([2, 0, 2, 0, 2, 2]);
    expect(await evaluator.atEnd(weightsOf(TELLING))).toEqual({});
    await evaluator.dispose();
  });

  it.each<[object, string, RegExp]>([
    [{}, 'blind', /evaluation\.classify: method\.kind blind has no classifier/],
    [
      { test: { kind: 'generated', count: 40 } },
      'colours',
      /evaluation\.test and data\.train do not have the same classes.*missing in evaluation\.test: "airplane"/,
    ],
    [{ knn: { k: 3 } }, 'colours', /evaluation\.train: expected labelled images/],
  ])('is refused: %j %s', async (change, kind, message) => {
    await expect(opened(change, kind)).rejects.toThrow(message);
  });
});

it('rows whose own class is among the largest are those that a sort puts in front', () => {
  const rows = fc.array(
    fc.record({
      values: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 6, maxLength: 6 }),
      label: fc.integer({ min: 0, max: 5 }),
    }),
    { minLength: 1, maxLength: 9 },
  );
  fc.assert(
    fc.property(rows, fc.integer({ min: 1, max: 6 }), (found, top) => {
      const right = found.filter(({ values, label }) => {
        const order = [0, 1, 2, 3, 4, 5].sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0));
        return order.slice(0, top).includes(label);
      });
      const logits = Float32Array.from(found.flatMap(({ values }) => values));
      const labels = Int32Array.from(found, ({ label }) => label);
      expect(topShare(logits, 6, labels, top)).toBe((100 * right.length) / found.length);
    }),
    { seed: 1 },
  );
});
