import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../harness/base/errors.ts';
import { type HostArray, hostArray } from '../harness/engine/array.ts';
import { startEngine } from '../harness/engine/index.ts';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { train } from '../harness/run/trainer.ts';
import type { Learner } from '../harness/step/learner.ts';
import { runStep } from '../harness/step/step.ts';
import {
  batchOf,
  describeMethod,
  type SmallRun,
  scalarOf,
  withLearner,
} from '../harness/testing/method_suite.ts';
import { stateHost } from '../harness/testing/state_host.ts';
import { stoppingAt } from '../harness/testing/stopping.ts';
import { verifyEpoch } from '../harness/verify/verify.ts';
import { loadCheckpoint } from '../harness/weights/checkpoint.ts';
import { methods } from './index.ts';
import { small } from './odc.recipes.ts';
import { odc, odcSpec } from './odc.ts';

const spec = {
  kind: 'odc',
  neck: { ...odcSpec.parse({}).neck, hidden: [8], out: 6, dropout: 0 },
  clusters: 4,
  minCluster: 3,
  centroidsEvery: 2,
  memoryMomentum: 0.25,
};
const samples = 20;
const run: SmallRun = { method: odc, spec, samples };

function rowsOf(array: HostArray | undefined): number[][] {
  const [count = 0, width = 1] = array?.shape ?? [];
  const values = Array.from(array?.data ?? [], Number);
  return Array.from({ length: count }, (_, i) => values.slice(i * width, (i + 1) * width));
}

const dot = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, x, d) => sum + x * (b[d] ?? 0), 0);
const unit = (row: readonly number[]) => row.map((x) => x / (Math.sqrt(dot(row, row)) || 1));
const shown = (rows: readonly (readonly number[])[]) =>
  rows.map((row) => row.map((x) => (Math.abs(x) < 1e-5 ? 0 : x).toFixed(4)));

/** Sets a memory in which the clusters have 8, 7, 4 and 1 members; `unit` rows with a tail of zeros. */
async function fill({ program }: Learner): Promise<void> {
  const labels = Int32Array.from({ length: samples }, (_, i) =>
    i < 8 ? 0 : i < 15 ? 1 : i < 19 ? 2 : 3,
  );
  const features = Array.from({ length: samples }, (_, i) =>
    unit([1 + (i % 5), i % 3, labels[i] === 1 ? 4 : 0, labels[i] === 2 ? 3 : 0, i % 2, 0]),
  );
  await program.writeStates([
    ['feature_bank', hostArray('float32', [samples, 6], Float32Array.from(features.flat()))],
    ['label_bank', hostArray('int32', [samples], labels)],
  ]);
  await program.run('recentre');
  await program.run('census');
}

async function memoryOf({ program }: Learner) {
  const [bank, labels, centroids, weights] = await program.readStates([
    ...['feature_bank', 'label_bank', 'centroids', 'loss_weight'],
  ]);
  return {
    features: rowsOf(bank),
    labels: Array.from(labels?.data ?? [], Number),
    centroids: rowsOf(centroids),
    weights: Array.from(weights?.data ?? [], Number),
  };
}

beforeAll(startEngine);

describe('a step', () => {
  it.each([
    ['product', [9, 2, 17, 3]],
    ['nearest', [9, 2, 17, 3]],
    ['product', [5, 5, 16, 5]],
  ] as const)('is that of plain loops: %s, images %o', async (assignment, indices) => {
    await withLearner(
      { ...run, spec: { ...spec, assignment } },
      async (learner) => {
        await fill(learner);
        const before = await memoryOf(learner);
        const batch = { ...batchOf(learner, 0), indices: Int32Array.from(indices) };
        const outputs = await runStep(learner.program, batch, { rate: 0.1 });
        const after = await memoryOf(learner);
        const logits = rowsOf(outputs['out.head']);
        const own = indices.map((i) => before.labels[i] ?? 0);
        const weights = own.map((label) => before.weights[label] ?? 0);
        const losses = logits.map((row, i) => {
          const all = row.reduce((sum, x) => sum + Math.exp(x), 0);
          return Math.log(all) - (row[own[i] ?? 0] ?? 0);
        });
        const total = weights.reduce((a, b) => a + b, 0);
        const loss = losses.reduce((sum, x, i) => sum + x * (weights[i] ?? 0), 0) / total;
        expect(scalarOf(outputs, 'loss')).toBeCloseTo(loss, 5);

        const rows = rowsOf(outputs['out.neck']).map((feature, i) => {
          const fresh = unit(feature);
          const old = before.features[indices[i] ?? 0] ?? [];
          return unit(old.map((x, d) => 0.75 * x + 0.25 * (fresh[d] ?? 0)));
        });
        const score = (row: readonly number[], c: readonly number[]) =>
          dot(row, c) - (assignment === 'nearest' ? dot(c, c) / 2 : 0);
        const next = rows.map((row) => {
          const scores = before.centroids.map((c) => score(row, c));
          return scores.indexOf(Math.max(...scores));
        });
        const changed = next.filter((label, i) => label !== own[i]).length / indices.length;
        expect(scalarOf(outputs, 'change_ratio')).toBeCloseTo(changed, 6);
        const [features, labels] = [[...before.features], [...before.labels]];
        indices.forEach((at, i) => {
          features[at] = rows[i] ?? [];
          labels[at] = next[i] ?? 0;
        });
        expect(shown(after.features)).toEqual(shown(features));
        expect(after.labels).toEqual(labels);
        expect(after.centroids).toEqual(before.centroids);
      },
      { observe: true },
    );
  });
});

describe('what comes after a step', () => {
  const upkeep = (learner: Learner, step: number) =>
    learner.definition.method.afterStep?.(stateHost(learner), {
      step,
      epoch: 0,
      epochStep: step,
      images: 0,
      outputs: {},
    }) ?? expect.unreachable();

  it('gives up the small cluster, fills it from the largest, and weighs classes anew', async () => {
    await withLearner(run, async (learner) => {
      await fill(learner);
      const before = await memoryOf(learner);
      const metrics = await upkeep(learner, 0);
      const { features, labels, centroids, weights } = await memoryOf(learner);
      const sizes = [0, 1, 2, 3].map((c) => labels.filter((label) => label === c).length);
      // Sample 19 was alone in 3 and went to another cluster; the largest one gave up a half.
      const scores = before.centroids.slice(0, 3).map((c) => dot(before.features[19] ?? [], c));
      const home = scores.indexOf(Math.max(...scores));
      const grown = [8, 7, 4].map((n, c) => (c === home ? n + 1 : n));
      const largest = grown.indexOf(Math.max(...grown));
      expect((sizes[largest] ?? 0) + (sizes[3] ?? 0)).toBe(grown[largest]);
      expect(Math.min(...sizes)).toBeGreaterThan(0);
      for (const c of [largest, 3]) {
        const members = features.filter((_, i) => labels[i] === c);
        const mean = [0, 1, 2, 3, 4, 5].map(
          (d) => members.reduce((sum, row) => sum + (row[d] ?? 0), 0) / members.length,
        );
        expect(shown([centroids[c] ?? []])).toEqual(shown([mean]));
      }
      const raw = sizes.map((n) => (1 / (n + 1e-5)) ** 0.5);
      const total = raw.reduce((a, b) => a + b, 0);
      for (const [c, weight] of weights.entries())
        expect(weight).toBeCloseTo((raw[c] ?? 0) / total, 5);
      expect(metrics).toMatchObject({
        clusters_refilled: 1,
        clusters_empty: 0,
        clusters_smallest: Math.min(...sizes),
        clusters_largest: Math.max(...sizes),
      });
    });
  });

  it('splits the largest cluster as a reference did, where one is followed', async () => {
    await withLearner(run, async (learner) => {
      await fill(learner);
      const asked: unknown[] = [];
      const host = stateHost(learner, (purpose) => {
        asked.push(purpose);
        return Int32Array.of(2, 5, 6);
      });
      const at = { step: 4, epoch: 0, epochStep: 4, images: 0, outputs: {} };
      await learner.definition.method.afterStep?.(host, at);
      expect(asked).toEqual([['split', 4, 0]]);
      const { labels } = await memoryOf(learner);
      expect([...labels.keys()].filter((i) => labels[i] === 3)).toEqual([2, 5, 6]);
    });
  });

  it('moves centroids to the means of members every second step only', async () => {
    const calm = { ...run, spec: { ...spec, minCluster: 1 } };
    await withLearner(calm, async (learner) => {
      await fill(learner);
      const zeros = hostArray('float32', [4, 6], new Float32Array(24));
      const { centroids } = await memoryOf(learner);
      await learner.program.writeState('centroids', zeros);
      await upkeep(learner, 0);
      expect((await memoryOf(learner)).centroids.flat().every((x) => x === 0)).toBe(true);
      await upkeep(learner, 1);
      expect((await memoryOf(learner)).centroids).toEqual(centroids);
    });
  });

  it('splits in the same way for the same step, in another for another', async () => {
    const labelsAfter = (step: number) =>
      withLearner(run, async (learner) => {
        await fill(learner);
        await upkeep(learner, step);
        return (await memoryOf(learner)).labels.join('');
      });
    const first = await labelsAfter(0);
    expect(await labelsAfter(0)).toBe(first);
    const others = await Promise.all([2, 4, 6, 8, 10].map(labelsAfter));
    expect(new Set([first, ...others]).size).toBeGreaterThan(1);
  });
});

describe('a run', () => {
  const value = {
    name: 'odc/tiny',
    method: { ...spec, clusters: 6, neck: { ...odcSpec.parse({}).neck, hidden: [16], out: 8 } },
    backbone: { depth: 18, width: 1 / 16, stem: 'cifar' },
    data: {
      train: { kind: 'generated', count: 64, size: 16 },
      pipelines: [[{ kind: 'randomResizedCrop', scale: [0.2, 1] }, { kind: 'flip' }]],
      size: 16,
      dropLast: true,
      replacement: true,
    },
    batch: 8,
    epochs: 2,
    optimizer: { kind: 'sgd', lr: 0.06, rules: [{ match: '^head\\.', momentum: 0 }] },
    schedule: { kind: 'constant' },
    checkpoint: { keepLast: 0, everySteps: 3 },
  };
  const experiment = parseExperiment(value, methods);
  const terminal = { write: () => true };
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'odc-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('begins with k-means, keeps its memories in checkpoints, and goes on from any of them', async () => {
    const base = { experiment, methods, data: folder, terminal };
    const workDir = join(folder, 'whole');
    const { record } = await train({ ...base, workDir });
    const names = (record.epochs[1]?.metrics ?? {}) as Record<string, unknown>;
    for (const name of ['change_ratio', 'clusters_refilled', 'clusters_entropy', 'kmeans_empty'])
      expect(Object.keys(names)).toContain(name);
    const { tensors } = await loadCheckpoint(join(workDir, 'epoch_2.safetensors'));
    expect(tensors.get('label_bank')?.dtype).toBe('int64');
    expect(new Set(Array.from(tensors.get('label_bank')?.data ?? [], Number)).size).toBe(6);

    for (const step of [1, 3, 8, 12]) {
      const cut = { ...base, workDir: join(folder, `cut-${step}`) };
      const controller = new AbortController();
      const first = { ...cut, signal: controller.signal };
      const { finished } = await train(first, stoppingAt(step, controller));
      expect(finished).toBe(false);
      const resumed = await train({ ...cut, resumeFrom: 'auto' });
      expect(resumed.record.epochs, `step ${step}`).toEqual(record.epochs);
    }
    const verified = await verifyEpoch({ workDir, methods, data: folder, epoch: 2 });
    expect(verified).toMatchObject({ pass: true });
  });
});

describe('what ODC refuses', () => {
  const refuse = (change: object, count: number) => () =>
    odc
      .bind({ ...spec, ...change })
      .checkData({ samples: count, classes: undefined }, { replicas: 1, batch: 4, dropLast: true });

  it('more clusters than images, or more members than there are', () => {
    expect(refuse({ clusters: 21 }, 20)).toThrow(UserError);
    expect(refuse({ clusters: 21 }, 20)).toThrow(
      'method.clusters: 21, but data.train has 20 images',
    );
    expect(refuse({ clusters: 4, minCluster: 6 }, 20)).toThrow(/method\.minCluster: 6 .*at most 5/);
    expect(refuse({ clusters: 4, minCluster: 5 }, 20)).not.toThrow();
  });

  it('fields it does not know', () => {
    const value = { ...small, method: { ...small.method, minClusters: 3 } };
    expect(() => parseExperiment(value, methods)).toThrow(/method.*minClusters.*minCluster/s);
  });
});

describeMethod('odc', { ...run, spec: { ...spec, minCluster: 1 } });
