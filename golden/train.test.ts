import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lockFolder } from '../harness/base/lock.ts';
import type { Experiment } from '../harness/experiment/spec.ts';
import { RunLog } from '../harness/log/log.ts';
import { extractBackbone } from '../harness/publish/extract_backbone.ts';
import { numberOf } from '../harness/record/entries.ts';
import type { RunRecord } from '../harness/record/record.ts';
import { NO_SUMS } from '../harness/record/sums.ts';
import { runEpoch } from '../harness/run/epoch.ts';
import { type Openers, openers, openTraining } from '../harness/run/open_training.ts';
import { type TrainOptions, train } from '../harness/run/trainer.ts';
import { stoppingAt } from '../harness/testing/stopping.ts';
import { loadCheckpoint } from '../harness/weights/checkpoint.ts';
import { writeSafetensors } from '../harness/weights/safetensors.ts';
import { methods } from '../methods/index.ts';
import { tinyExperiment } from './tiny.ts';

// Sixteen micro-steps: the window of three gradients straddles the end of the epochs.
const experiment = tinyExperiment({
  epochs: 2,
  accumulate: 3,
  batch: 8,
  checkpoint: { keepLast: 0, everySteps: 3 },
});
let folder = '';
let shown = '';
let record: RunRecord;
const terminal = { write: (text: string) => (shown += text) };
const whole = () => join(folder, 'whole');

function run(name: string, options: Partial<TrainOptions> = {}, open: Openers = openers) {
  const workDir = join(folder, name);
  return train({ experiment, methods, data: folder, workDir, terminal, ...options }, open);
}

function files(name: string): string[] {
  return ['steps.csv', 'epochs.csv', 'record.json'].map((file) =>
    readFileSync(join(folder, name, file), 'utf8'),
  );
}

/** Micro-steps of the first two epochs, from 1, that change the weights. */
async function movesOf(one: Experiment): Promise<number[]> {
  const training = await openTraining({
    experiment: { ...one, checkpoint: { ...one.checkpoint, everySteps: 1 } },
    methods,
    data: folder,
    workers: 0,
  });
  const { learner, stepsPerEpoch } = training;
  await learner.initialise(one.seed);
  const weight = async () =>
    String((await learner.program.readState('encoder_q.0.conv1.weight')).data);
  const log = await RunLog.open({
    folder: join(folder, 'moves'),
    seed: 0,
    environment: '',
    epochs: 2,
    terminal,
    stepsPerEpoch,
    everySteps: 50,
    resumeStep: 0,
  });
  const moves: number[] = [];
  let before = await weight();
  for (const epoch of [0, 1])
    await runEpoch({
      training,
      begun: await training.begin({ epoch, fromStep: 0, sums: NO_SUMS }),
      log,
      epoch,
      fromStep: 0,
      save: async (epochStep) => {
        const now = await weight();
        if (now !== before) moves.push(epoch * stepsPerEpoch + epochStep);
        before = now;
      },
    });
  await training.dispose();
  return moves;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'train-'));
  record = (await run('whole')).record;
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('a run', () => {
  it('begins its record with random weights and chains every epoch', () => {
    expect(record.epochs.map(({ epoch, step }) => [epoch, step])).toEqual([
      [0, 0],
      [1, 8],
      [2, 16],
    ]);
    expect(Object.keys(record.epochs[0]?.metrics ?? {})).toEqual([
      'knn_top1',
      'feature_std',
      'effective_rank',
    ]);
    expect(Object.keys(record.epochs[2]?.metrics ?? {}).sort()).toEqual([
      ...['accuracy', 'effective_rank', 'embedding_std', 'feature_std', 'knn_top1', 'loss'],
      ...['negative_similarity', 'positive_similarity'],
    ]);
    expect(Object.keys(record.final ?? {})).toEqual(['linear_top1']);
    expect(Object.keys(record.data).sort()).toEqual([
      ...['evaluation.test', 'evaluation.train', 'train'],
    ]);
  });

  it('has means over the steps of an epoch in its record', () => {
    const [, ...lines] = readFileSync(join(whole(), 'steps.csv'), 'utf8').trim().split('\n');
    const losses = lines.map((line) => Number(line.split(',')[3]));
    const sum = losses.slice(8).reduce((total, loss) => total + loss * 8, 0);
    expect(numberOf(record.epochs[2]?.metrics.loss ?? expect.unreachable())).toBe(sum / 64);
  });

  it('moves the weights at every third micro-step alone, also across epochs', async () => {
    expect(await movesOf(experiment)).toEqual([3, 6, 9, 12, 15]);
  });

  it.each([4, 8])('stopped at step %i and resumed leaves the same', async (step) => {
    const controller = new AbortController();
    const name = `stopped-${step}`;
    const workers = step === 4 ? 0 : 1;
    const stopped = await run(
      name,
      { signal: controller.signal, workers },
      stoppingAt(step, controller),
    );
    expect(stopped.finished).toBe(false);
    const { record: again, finished } = await run(name, { resumeFrom: 'auto', workers: 2 });
    expect(finished).toBe(true);
    expect(again).toEqual(record);
    expect(files(name)).toEqual(files('whole'));
  });

  it('stops after an epoch when asked to, and goes on elsewhere from a file', async () => {
    const { finished } = await run('part', { stopAfterEpoch: 1 });
    expect(finished).toBe(false);
    const resumeFrom = join(folder, 'part', 'epoch_1.safetensors');
    expect((await run('elsewhere', { resumeFrom })).record).toEqual(record);
    expect(files('elsewhere')).toEqual(files('whole'));
  });

  it('has nothing to do when it is finished', async () => {
    const { record: again, finished } = await run('whole', { resumeFrom: 'auto' });
    expect([finished, again]).toEqual([true, record]);
    await expect(run('whole')).rejects.toThrow(/holds a finished run of this experiment/);
  });
});

describe('resuming', () => {
  function copy(name: string): string {
    cpSync(whole(), join(folder, name), { recursive: true });
    return join(folder, name);
  }

  it('passes over a damaged checkpoint and comes to the same end', async () => {
    const path = copy('damaged');
    truncateSync(join(path, 'epoch_2.safetensors'), 5000);
    shown = '';
    expect((await run('damaged', { resumeFrom: 'auto' })).record).toEqual(record);
    expect(shown).toMatch(/warning: passed over: .*epoch_2\.safetensors is damaged/);
    truncateSync(join(path, 'epoch_1.safetensors'), 5000);
    truncateSync(join(path, 'epoch_2.safetensors'), 5000);
    await expect(run('damaged', { resumeFrom: 'auto' })).rejects.toThrow(
      /every checkpoint is damaged/,
    );
  });

  it('refuses other data', async () => {
    const strange = 'f'.repeat(64);
    const other: Openers = {
      ...openers,
      openBatches: async (setup) => {
        const batches = await openers.openBatches(setup);
        const { source, stepsPerEpoch } = batches;
        return {
          source: { ...source, manifest: { ...source.manifest, sha256: strange } },
          stepsPerEpoch,
          epoch: (epoch, from) => batches.epoch(epoch, from),
          bare: (epoch, from) => batches.bare(epoch, from),
          dispose: () => batches.dispose(),
        };
      },
    };
    const resumeFrom = join(whole(), 'epoch_1.safetensors');
    await expect(run('other-data', { resumeFrom }, other)).rejects.toThrow(
      /the data changed since the checkpoint: train has SHA-256 ffff/,
    );
  });

  it('is refused in a folder that is in use', async () => {
    copy('used');
    const lock = await lockFolder(join(folder, 'used'));
    await expect(run('used', { resumeFrom: 'auto' })).rejects.toThrow(
      new RegExp(`is in use by process ${process.pid}`),
    );
    lock.release();
    expect((await run('used', { resumeFrom: 'auto' })).finished).toBe(true);
  });
});

describe('a start', () => {
  it('takes pretrained weights whole or not at all, and says which', async () => {
    const source = join(whole(), 'epoch_2.safetensors');
    const out = join(folder, 'backbone.safetensors');
    await extractBackbone({ file: source, methods, out });
    shown = '';
    const { record: begun } = await run('tuned', { pretrained: out, stopAfterEpoch: 1 });
    expect(shown).toMatch(/--pretrained .*backbone\.safetensors: \d+ tensors taken/);
    // The features of epoch 0 are those that the other run ended with.
    const { knn_top1, feature_std, effective_rank } = record.epochs[2]?.metrics ?? {};
    expect(begun.epochs[0]?.metrics).toEqual({ knn_top1, feature_std, effective_rank });
    expect(begun.data.pretrained).toMatch(/^[0-9a-f]{64}$/);
    await expect(run('tuned', { resumeFrom: 'auto', pretrained: source })).rejects.toThrow(
      /the data changed since the checkpoint: pretrained/,
    );

    const { tensors } = await loadCheckpoint(source);
    const few = new Map([...tensors].filter(([name]) => !name.includes('layer4.1.conv2')));
    const lacking = join(folder, 'few.safetensors');
    await writeSafetensors(lacking, { tensors: few, metadata: {} });
    await expect(run('few', { pretrained: lacking })).rejects.toThrow(
      /1 tensors of the backbone are missing: layer4\.1\.conv2\.weight/,
    );
  });

  it('moves every weight by one place when perturbed, and says so in the record', async () => {
    const { record: moved } = await run('perturbed', { perturbation: 1, stopAfterEpoch: 1 });
    expect(moved.environment.perturbation).toBe('1');
    expect(moved.epochs[0]?.stateHash).not.toBe(record.epochs[0]?.stateHash);
    const [a, b] = [moved, record].map(({ epochs }) =>
      numberOf(epochs[1]?.metrics.loss ?? expect.unreachable()),
    );
    expect(Math.abs((a ?? 0) / (b ?? 1) - 1)).toBeLessThan(0.05);
  });

  it.each([
    [
      { data: { ...experiment.data, size: 24, pipelines: crops() } },
      /pipelines\[0\]\[0\]: centerCrop/,
    ],
    [{ batch: 128, method: { ...experiment.method, queue: 128 } }, /no full batch/],
    [
      { evaluation: { ...experiment.evaluation, knn: { k: 65 } } },
      /knn\.k: found 65.*has 64 images/,
    ],
    [{ data: { ...experiment.data, pipelines: crops().slice(1) } }, /found 1, expected 2/],
    [
      { backbone: { ...experiment.backbone, channels: 1 } },
      /backbone\.channels: found 1, expected 3/,
    ],
  ])('refuses what cannot work: %#', async (changes, message) => {
    const wrong = tinyExperiment({ ...experiment, ...changes });
    await expect(run('wrong', { experiment: wrong })).rejects.toThrow(message);
  });
});

function crops() {
  return [[{ kind: 'centerCrop' as const }], [{ kind: 'centerCrop' as const }]];
}

describe('a loss that is not finite', () => {
  // Logits over a temperature that float32 cannot hold: the first loss is no number.
  const wild = tinyExperiment({
    method: { ...experiment.method, temperature: 1e-46 },
    evaluation: undefined,
  });

  it('stops the run by name of step', async () => {
    await expect(run('wild', { experiment: wild })).rejects.toThrow(
      /experiment moco\/tiny: loss is NaN at step 1 \(epoch 1, .*--debug_nans/,
    );
  });

  it('is followed to its operation', async () => {
    await expect(run('wild-debug', { experiment: wild, debugNans: true })).rejects.toThrow(
      /debug_nans: step: the first value that is not finite: \w+ .* at .*:\d+/,
    );
  });
});
