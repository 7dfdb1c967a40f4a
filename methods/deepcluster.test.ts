import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../harness/engine/index.ts';
import { bindMethod } from '../harness/experiment/bind.ts';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { type Openers, openers } from '../harness/run/open_training.ts';
import { type TrainOptions, train } from '../harness/run/trainer.ts';
import { countParameters } from '../harness/step/parameters.ts';
import { runStep } from '../harness/step/step.ts';
import { batchOf, describeMethod, withLearner } from '../harness/testing/method_suite.ts';
import { stoppingAt } from '../harness/testing/stopping.ts';
import { compareRuns, isSame } from '../harness/verify/compare.ts';
import { loadCheckpoint } from '../harness/weights/checkpoint.ts';
import * as recipes from './deepcluster.recipes.ts';
import { deepcluster } from './deepcluster.ts';
import { methods } from './index.ts';

const run = {
  method: deepcluster,
  spec: { kind: 'deepcluster', sobel: false, clusters: 5, pca: 8, weightPower: 0.5 },
};
describeMethod('deepcluster', run);

describe('the loss', () => {
  beforeAll(startEngine);

  it('is that of plain loops, each image weighing as its cluster', async () => {
    await withLearner(
      run,
      async (learner) => {
        const labels = Int32Array.from({ length: 64 }, (_, i) => (7 * i) % 5);
        const weights = Float32Array.of(0.1, 0.3, 0.2, 0.25, 0.15);
        await learner.program.writeStates([
          ['pseudo_label', { dtype: 'int32', shape: [64], data: labels }],
          ['loss_weight', { dtype: 'float32', shape: [5], data: weights }],
        ]);
        const batch = { ...batchOf(learner, 0), indices: Int32Array.of(3, 40, 17, 8) };
        const outputs = await runStep(learner.program, batch, { rate: 0.1 });
        const logits = Array.from(outputs['out.head']?.data ?? [], Number);
        let [total, weighed] = [0, 0];
        for (const [n, index] of batch.indices.entries()) {
          const row = logits.slice(5 * n, 5 * n + 5);
          const own = labels[index] ?? 0;
          const weight = weights[own] ?? 0;
          const all = row.reduce((sum, x) => sum + Math.exp(x), 0);
          total -= weight * Math.log(Math.exp(row[own] ?? 0) / all);
          weighed += weight;
        }
        expect(Number(outputs.loss?.data[0])).toBeCloseTo(total / weighed, 5);
      },
      { observe: true },
    );
  });
});

describe('recipes', () => {
  // docs/reference/methods.md, section 15
  it('have the parameters of the original', () => {
    const countOf = (recipe: unknown) => countParameters(parseExperiment(recipe, methods), methods);
    expect(countOf(recipes.r50)).toMatchObject({
      backbone: 23_504_896,
      total: 43_994_920,
      trainable: 43_994_896,
    });
    expect(countOf(recipes.r50WithoutSobel)).toMatchObject({
      backbone: 23_508_032,
      total: 43_998_032,
      trainable: 43_998_032,
    });
  });

  it.each([
    [{ ...recipes.small, backbone: { depth: 18 } }, 'backbone.channels: found 3, expected 2'],
    [{ ...recipes.cifar10, backbone: { depth: 18, channels: 2 } }, 'found 2, expected 3'],
  ])('need a backbone that takes what stands before it', (recipe, message) => {
    expect(() => bindMethod(parseExperiment(recipe, methods), methods)).toThrow(message);
  });
});

const CLUSTERS = 6;
const tiny = {
  ...recipes.small,
  name: 'deepcluster/tiny',
  method: {
    ...recipes.small.method,
    clusters: CLUSTERS,
    pca: 4,
    iterations: 5,
    weightPower: 0.5,
    extraction: { batch: 20 },
  },
  backbone: { depth: 18, width: 1 / 16, stem: 'cifar', channels: 2 },
  data: { ...recipes.small.data, train: { kind: 'generated', count: 96, size: 16 }, size: 16 },
  replicas: 2,
  batch: 8,
  epochs: 3,
  evaluation: {
    train: { kind: 'generated', count: 40, size: 16 },
    test: { kind: 'generated', count: 20, size: 16, split: 'test' },
    knn: { k: 5, everyEpochs: 1 },
  },
  checkpoint: { keepLast: 0 },
};
const experiment = parseExperiment(tiny, methods);

describe('a run', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'deepcluster-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const start = (name: string, options: Partial<TrainOptions> = {}, open: Openers = openers) =>
    train(
      {
        experiment,
        methods,
        data: folder,
        workDir: join(folder, name),
        terminal: { write: () => true },
        ...options,
      },
      open,
    );

  it('clusters before each epoch, draws uniformly over clusters, and keeps labels', async () => {
    const seen: number[][] = [];
    const { record } = await start(
      'whole',
      {},
      stoppingAt(0, new AbortController(), ({ indices }) => seen.push([...indices])),
    );
    const [, first, second] = record.epochs.map(({ metrics }) => metrics);
    expect(first).toHaveProperty('clusters_entropy');
    expect(first).not.toHaveProperty('nmi');
    expect(second?.reassigned?.value).toBeGreaterThan(0);
    expect(second?.nmi?.value).toBeLessThan(1);
    const { tensors } = await loadCheckpoint(join(folder, 'whole', 'epoch_1.safetensors'));
    const labels = Array.from(tensors.get('pseudo_label')?.data ?? [], Number);
    const drawn = new Array(CLUSTERS).fill(0);
    for (const index of seen.slice(0, 6).flat()) drawn[labels[index] ?? 0]++;
    // floor(96 / 6) + 1 of each, then cut from 102 to 96.
    expect(Math.max(...drawn)).toBeLessThanOrEqual(17);
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(11);
    const weights = Array.from(tensors.get('loss_weight')?.data ?? [], Number);
    expect(weights.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
  });

  it.each([7, 10])('stopped at batch %i and resumed is the same run', async (step) => {
    const controller = new AbortController();
    const openers = stoppingAt(step, controller);
    const stopped = await start(`cut${step}`, { signal: controller.signal }, openers);
    expect(stopped.finished).toBe(false);
    await start(`cut${step}`, { resumeFrom: 'auto' });
    expect(isSame(compareRuns(join(folder, 'whole'), join(folder, `cut${step}`)))).toBe(true);
  });

  it.each([
    [{ clusters: 97 }, 'method.clusters: 97, but data.train has 96 images'],
    [{ pca: 33 }, 'method.pca: 33, but an image has 32 features'],
    [{ clusters: 1 }, 'method.clusters'],
    [{ pcaDim: 4 }, 'method.pcaDim'],
  ])('refuses %j before training', async (change, message) => {
    const refused = async () =>
      start('refused', {
        experiment: parseExperiment({ ...tiny, method: { ...tiny.method, ...change } }, methods),
      });
    await expect(refused()).rejects.toThrow(message);
  });
});
