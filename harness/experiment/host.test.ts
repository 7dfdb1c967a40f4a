import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { hostArray, zeros } from '../engine/array.ts';
import { op1 } from '../engine/op.ts';
import { globalAvgPool } from '../engine/ops/pooling.ts';
import { tf } from '../engine/tf.ts';
import { averagePixels } from '../nn/layers.ts';
import { type Openers, openers } from '../run/open_training.ts';
import { type TrainOptions, train } from '../run/trainer.ts';
import { stoppingAt } from '../testing/stopping.ts';
import { compareRuns, isSame } from '../verify/compare.ts';
import { rerun } from '../verify/rerun.ts';
import { verifyEpoch } from '../verify/verify.ts';
import { defineMethod } from './method.ts';
import { parseExperiment } from './spec.ts';

const SAMPLES = 24;
let calls: string[] = [];

/** The sample with the largest first feature. */
function largest(values: Float32Array, width: number): number {
  const first = Array.from({ length: values.length / width }, (_, i) => values[i * width] ?? 0);
  return first.indexOf(Math.max(...first));
}

/** Before each epoch it chooses one sample, by the features of all, and learns from that alone. */
const choosy = defineMethod<Readonly<Record<string, never>>>({
  kind: 'choosy',
  schema: z.strictObject({}).readonly(),
  views: 1,
  model: (_, backbone) => ({
    networks: { net: backbone.module, pool: averagePixels },
    backbone: 'net.',
    features: { networks: ['net', 'pool'], batch: 10 },
    state: { choice: { dtype: 'int32', shape: [1], initial: () => zeros('int32', [1]) } },
  }),
  async beforeEpoch(_, host, { epoch }) {
    calls.push(`before ${epoch}`);
    const { values, width } = await host.features();
    expect(values.length).toBe(SAMPLES * width);
    const jump = host.stream('jump', epoch).int(0, host.samples - 1);
    const choice = (largest(values, width) + jump) % host.samples;
    await host.write([['choice', hostArray('int32', [1], Int32Array.of(choice))]]);
    return { choice };
  },
  async order(_, host) {
    const [choice] = await host.read(['choice']);
    return new Int32Array(host.samples).fill(Number(choice?.data[0]));
  },
  loss(_, step) {
    const features = globalAvgPool(step.forward('net', step.view(0)));
    const index = tf.mean(tf.cast(step.indices, 'float32'));
    const chosen = op1('Cast', [step.state('choice')], { DstT: { dtype: 'float32' } });
    return { loss: tf.mean(tf.square(features)), metrics: { index, chosen: tf.sum(chosen) } };
  },
});
const methods = { choosy };

const view = [{ kind: 'randomResizedCrop', scale: [0.2, 1] }, { kind: 'flip' }];
const experiment = parseExperiment(
  {
    name: 'choosy',
    method: { kind: 'choosy' },
    backbone: { depth: 18, width: 1 / 16, stem: 'cifar' },
    data: {
      train: { kind: 'generated', count: SAMPLES, size: 16 },
      pipelines: [view],
      size: 16,
    },
    batch: 8,
    epochs: 3,
    optimizer: { kind: 'sgd', lr: 0.1 },
    schedule: { kind: 'constant' },
    checkpoint: { keepLast: 0 },
  },
  methods,
);

const folder = mkdtempSync(join(tmpdir(), 'host-'));
afterAll(() => rmSync(folder, { recursive: true }));

function run(name: string, options: Partial<TrainOptions> = {}, open: Openers = openers) {
  calls = [];
  const terminal = { write: () => true };
  const workDir = join(folder, name);
  return train({ experiment, methods, data: folder, workDir, terminal, ...options }, open);
}

describe('work between epochs', () => {
  it('is done before each epoch; its order and numbers reach steps and record', async () => {
    const { record } = await run('whole');
    expect(calls).toEqual(['before 0', 'before 1', 'before 2']);
    const rows = record.epochs.slice(1).map(({ metrics }) => metrics);
    for (const { choice, index, chosen } of rows) {
      expect(index?.value).toBe(choice?.value);
      expect(chosen?.value).toBe(choice?.value);
    }
    expect(new Set(rows.map(({ choice }) => choice?.value)).size).toBeGreaterThan(1);
    expect(readFileSync(join(folder, 'whole', 'epochs.csv'), 'utf8')).toContain('choice');
  });

  it.each([5, 6, 7])('leaves no trace of a stop at batch %i', async (step) => {
    const name = `stopped${step}`;
    const controller = new AbortController();
    const stopped = await run(name, { signal: controller.signal }, stoppingAt(step, controller));
    expect(stopped.finished).toBe(false);
    await run(name, { resumeFrom: 'auto' });
    expect(isSame(compareRuns(join(folder, 'whole'), join(folder, name)))).toBe(true);
    // Batches 4 to 6 are the second epoch's. In the middle of an epoch there is nothing to do again,
    // and the third one's first step is taken once the work before it is done.
    expect(calls).toEqual(step === 7 ? [] : ['before 2']);
  });

  it('stops before anything is changed where it is told so while features are made', async () => {
    const controller = new AbortController();
    controller.abort();
    const stopped = await run('early', { signal: controller.signal });
    expect(stopped.finished).toBe(false);
    expect(calls).toEqual(['before 0']);
    await run('early', { resumeFrom: 'auto' });
    expect(isSame(compareRuns(join(folder, 'whole'), join(folder, 'early')))).toBe(true);
  });

  it('is done again by verify and by compare --rerun', async () => {
    const whole = join(folder, 'whole');
    const verified = await verifyEpoch({ workDir: whole, methods, data: folder, epoch: 2 });
    expect(verified).toMatchObject({ pass: true, changes: [], tensors: [] });
    rmSync(join(folder, 'early', 'epoch_2.safetensors'));
    rmSync(join(folder, 'early', 'epoch_3.safetensors'));
    const again = await rerun({ runs: [whole, join(folder, 'early')], methods, data: folder });
    expect(again).toMatchObject({ from: 3, until: 9, strays: [undefined, undefined] });
    expect(again.parting).toBeUndefined();
  });
});
