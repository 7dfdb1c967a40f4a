import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openSource } from '../data/open_source.ts';
import { type HostArray, hostArray } from '../engine/array.ts';
import { startEngine } from '../engine/index.ts';
import { toOIHW } from '../engine/layout.ts';
import { tf } from '../engine/tf.ts';
import { bindMethod } from '../experiment/bind.ts';
import { defineMethod } from '../experiment/method.ts';
import { parseExperiment } from '../experiment/spec.ts';
import { initialValue } from '../nn/initialise.ts';
import { resnet } from '../nn/resnet.ts';
import { stream } from '../random/stream.ts';
import { openEvaluator } from './evaluator.ts';
import type { Evaluator } from './judge.ts';

/** A network and nothing to learn: an evaluation asks a method only where its backbone is. */
const still = defineMethod<Record<string, never>>({
  kind: 'still',
  schema: z.strictObject({}),
  views: 1,
  model: (_, backbone) => ({
    networks: { net: backbone.module },
    backbone: 'net.',
  }),
  loss() {
    return { loss: tf.scalar(0) };
  },
});
const methods = { still };

const backbone = { depth: 18, width: 0.125, stem: 'cifar' } as const;
const generated = { kind: 'generated', size: 32, classes: 4 } as const;

function experimentWith(evaluation: object, size = 32) {
  return parseExperiment(
    {
      name: 'judged',
      method: { kind: 'still' },
      backbone,
      data: { train: { ...generated, count: 8 }, pipelines: [[{ kind: 'flip' }]], size },
      batch: 4,
      epochs: 3,
      optimizer: { kind: 'sgd', lr: 0.1 },
      schedule: { kind: 'constant' },
      evaluation: {
        train: { ...generated, count: 200 },
        test: { ...generated, count: 100, split: 'test' },
        batch: 50,
        knn: { k: 7, everyEpochs: 2 },
        linear: { epochs: 5, batch: 16 },
        ...evaluation,
      },
    },
    methods,
  );
}

/** Images that no network mixes up, in CIFAR's binary format: red, green, blue or grey, with noise. */
function coloured(split: 'train' | 'test') {
  const record = (i: number) => {
    const label = (7 * i) % 4;
    const noise = stream(i, split);
    const bright = (at: number) => label === 3 || Math.floor(at / 1024) === label;
    const pixels = Array.from({ length: 3072 }, (_, at) => (bright(at) ? 200 : 20));
    return [label, ...pixels.map((value) => value + noise.int(0, 40))];
  };
  const count = split === 'train' ? 120 : 40;
  const bytes = Uint8Array.from(Array.from({ length: count }, (_, i) => record(i)).flat());
  writeFileSync(join(folder, split === 'train' ? 'data_batch_1.bin' : 'test_batch.bin'), bytes);
  return { kind: 'cifar10', root: '.', split } as const;
}

function weights(seed: number): Map<string, HostArray> {
  const { parameters, buffers } = resnet(experimentWith({}).backbone).module;
  return new Map(
    [...parameters, ...buffers].map(([name, spec]) => {
      const value = initialValue(spec, stream(seed, name));
      return [`net.${name}`, value.shape.length === 4 ? toOIHW(value) : value] as const;
    }),
  );
}

const folder = mkdtempSync(join(tmpdir(), 'evaluation-'));
let opened: Evaluator | undefined;

async function open(evaluation: object = {}, options: object = {}, size = 32): Promise<Evaluator> {
  await opened?.dispose();
  const experiment = experimentWith(evaluation, size);
  const method = bindMethod(experiment, methods);
  const trained = await openSource(experiment.data.train, { data: folder });
  const setup = { experiment, method, data: folder, workers: 0, trained };
  opened = await openEvaluator({ ...setup, ...options });
  if (opened === undefined) throw new Error('no evaluator');
  return opened;
}

beforeAll(async () => {
  await startEngine();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

afterEach(async () => {
  await opened?.dispose();
  opened = undefined;
});

describe('an evaluation', () => {
  it('judges before training, at its epochs and after the last one', async () => {
    const evaluator = await open();
    const of = weights(0);
    const asked = [0, 1, 2, 3];
    const found = [];
    for (const epoch of asked) found.push(Object.keys(await evaluator.atEpoch(epoch, of)));
    const judged = ['knn_top1', 'feature_std', 'effective_rank'];
    expect(found).toEqual([judged, [], judged, judged]);
    expect(Object.keys(await evaluator.atEnd(of))).toEqual(['linear_top1']);
    expect(Object.keys(evaluator.manifests)).toEqual(['evaluation.train', 'evaluation.test']);
  });

  it('holds each image to its own label, at the size that the spec asks for', async () => {
    for (const size of [32, 24]) {
      const evaluator = await open({ train: coloured('train'), test: coloured('test') }, {}, size);
      expect((await evaluator.atEpoch(0, weights(0))).knn_top1).toBe(100);
      expect((await evaluator.atEnd(weights(0))).linear_top1).toBe(100);
    }
  });

  it('has the same bits again, on kept images, with other threads and workers', async () => {
    const judged = async (evaluator: Evaluator) => ({
      ...(await evaluator.atEpoch(0, weights(1))),
      ...(await evaluator.atEnd(weights(1))),
    });
    const evaluator = await open({}, { threads: 1 });
    const first = await judged(evaluator);
    await evaluator.atEpoch(0, weights(2)); // other features in between
    expect(await judged(evaluator)).toEqual(first);
    expect(await judged(await open({}, { threads: 2, workers: 1 }))).toEqual(first);
  });

  it('takes the weights that it is given', async () => {
    const evaluator = await open({ knn: { k: 1, everyEpochs: 1 } });
    const tops = new Set<number | undefined>();
    for (const seed of [1, 2, 3, 4]) tops.add((await evaluator.atEpoch(0, weights(seed))).knn_top1);
    expect(tops.size).toBeGreaterThan(1);
  });

  it('is not there where the experiment asks for none', async () => {
    const { evaluation: _, ...experiment } = experimentWith({});
    const method = bindMethod(experiment, methods);
    const trained = await openSource(experiment.data.train, { data: '.' });
    expect(await openEvaluator({ experiment, method, data: '.', trained })).toBeUndefined();
  });
});

describe('refuses', () => {
  it.each([
    [{ knn: { k: 201 } }, 'evaluation.knn.k: 201 is more than the 200 images'],
    [
      { test: { ...generated, classes: 5, count: 9 } },
      'evaluation.test and evaluation.train do not have the same classes (4 and 5 of them): only in evaluation.test: "crosses"',
    ],
    [
      { pipeline: [{ kind: 'centerCrop' }, { kind: 'flip' }] },
      'evaluation.pipeline[1].kind: expected resize',
    ],
    [{ linear: { standardize: true } }, 'standardise'],
  ])('%j', async (evaluation, message) => {
    await expect(open(evaluation)).rejects.toThrow(message);
  });

  it('weights of another network', async () => {
    const evaluator = await open();
    const few = new Map(
      [...weights(0)].filter(([name]) => name !== 'net.layer2.0.bn1.running_var'),
    );
    await expect(evaluator.atEpoch(0, few)).rejects.toThrow('no net.layer2.0.bn1.running_var');
  });

  it('features that are not finite, by image', async () => {
    const evaluator = await open();
    const broken = weights(0);
    broken.set('net.bn1.weight', hostArray('float32', [8], new Float32Array(8).fill(Number.NaN)));
    await expect(evaluator.atEpoch(0, broken)).rejects.toThrow(/features of .*0.* are not finite/);
  });
});
