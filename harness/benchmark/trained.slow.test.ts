import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { supervised } from '../../methods/supervised.ts';
import { lockFolder, sha256File } from '../base/index.ts';
import { metricsOf } from '../record/entries.ts';
import { readRecord } from '../record/record.ts';
import { train } from '../run/trainer.ts';
import { readSafetensors, writeSafetensors } from '../weights/safetensors.ts';
import { defineBenchmark } from './definition.ts';
import { type BenchmarkExperiment, parseBenchmark } from './experiment.ts';
import type { BenchmarkOptions } from './options.ts';
import { benchmarksByKind, methodsOf } from './registry.ts';
import { runBenchmark } from './run.ts';
import { trainedExperiments } from './trained.ts';
import { verifyBenchmark } from './verify.ts';
import { type OpenedWeights, openTarget, randomWeights } from './weights.ts';

const folder = mkdtempSync(join(tmpdir(), 'benchmark-trained-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const drawn = { kind: 'generated', classes: 4, size: 16 } as const;

/** Two rates of a classifier on a frozen backbone. */
const grid = defineBenchmark<{ readonly epochs: number }>({
  kind: 'grid',
  title: 'grid',
  schema: z.strictObject({ epochs: z.int().positive().default(1) }).readonly(),
  drawn: {},
  presets: {},
  method: supervised,
  experiments: ({ epochs }, { backbone }) =>
    Object.fromEntries(
      [0.01, 0.1].map((lr) => [
        `lr${lr}`,
        {
          name: 'grid',
          method: { kind: 'supervised', classes: 4 },
          backbone: { ...backbone, frozenStages: 4, normEval: true },
          data: {
            train: { ...drawn, count: 32 },
            pipelines: [[{ kind: 'resize', size: 16 }]],
            size: 16,
          },
          batch: 16,
          epochs,
          optimizer: { kind: 'sgd', lr },
          schedule: { kind: 'constant' },
          evaluation: { test: { ...drawn, count: 16, split: 'test' }, classify: {} },
        },
      ]),
    ),
  summary: (_, runs) => ({
    best: Math.max(...[...runs.values()].map((run) => run.at(-1)?.test_top1 ?? Number.NaN)),
    runs: runs.size,
  }),
});
const benchmarks = benchmarksByKind([{ grid }]);

let weights: OpenedWeights;
let experiment: BenchmarkExperiment;
beforeAll(async () => {
  const spec = { depth: 18, width: 1 / 16, stem: 'cifar' } as const;
  const { backbone } = parseBenchmark(
    { name: 'grid', benchmark: { kind: 'grid' }, weights: { kind: 'random' }, backbone: spec },
    benchmarks,
  );
  const tensors = [...randomWeights(backbone, 7)].map(([n, t]) => [`backbone.${n}`, t] as const);
  await writeSafetensors(join(folder, 'w.safetensors'), {
    tensors: new Map(tensors),
    metadata: {},
  });
  weights = await openTarget(join(folder, 'w.safetensors'), {});
  experiment = parseBenchmark(
    {
      name: 'grid',
      seed: 3,
      benchmark: { kind: 'grid' },
      weights: { kind: 'file', sha256: weights.sha256, prefix: weights.prefix },
      backbone: weights.backbone,
    },
    benchmarks,
  );
});

let said = '';
const terminal = { write: (text: string) => (said += text) };
const run = (name: string, options: Partial<BenchmarkOptions> = {}) => {
  said = '';
  const workDir = join(folder, name);
  const common = { experiment, benchmarks, weights, data: folder, terminal, workDir };
  return runBenchmark({ ...common, ...options });
};

describe('a protocol that trains', () => {
  it('runs ordinary experiments that start from the weights, and sums them up', async () => {
    const { record, finished, summary } = await run('whole');
    expect(finished).toBe(true);
    expect(readRecord(join(folder, 'whole'))).toEqual(record);
    const cells = ['lr0.01', 'lr0.1'].map((cell) => readRecord(join(folder, 'whole', cell)));
    expect(record.epochs.slice(1).map(({ stateHash }) => stateHash)).toEqual(
      cells.map(({ epochs }) => epochs.at(-1)?.stateHash),
    );
    const tops = cells.map(({ epochs }) => metricsOf(epochs.at(-1)?.metrics ?? {}).test_top1 ?? 0);
    expect(summary).toEqual({ best: Math.max(...tops), runs: 2 });
    const { sha256, prefix } = weights;
    for (const { experiment: cell, data } of cells) {
      expect(cell).toMatchObject({ seed: 3, start: { sha256, prefix } });
      expect(data.pretrained).toBe(sha256);
    }
    expect(cells.map(({ experiment: { name } }) => name)).toEqual(['grid/lr0.01', 'grid/lr0.1']);
    // The backbone is that of the file, to the bit, before and after.
    const { tensors } = readSafetensors(join(folder, 'whole/lr0.1/epoch_1.safetensors'));
    const { tensors: given } = readSafetensors(weights.file);
    const name = 'backbone.layer1.0.conv1.weight';
    expect(tensors.get(name)?.data).toEqual(given.get(name)?.data);
  });

  it('trains some cells now and the others later, to the same record', async () => {
    const first = await run('cells', { cells: ['lr0.1'] });
    expect([first.finished, first.summary?.runs, first.record.environment.cells]).toEqual([
      false,
      1,
      'lr0.1',
    ]);
    expect(existsSync(join(folder, 'cells/lr0.01'))).toBe(false);
    const second = await run('cells', { cells: ['lr0.01'] });
    expect(second.finished).toBe(true);
    expect(second.record).toEqual(readRecord(join(folder, 'whole')));
    await expect(run('cells', { cells: ['lr1'] })).rejects.toThrow('holds a finished run');
    await expect(run('strange', { cells: ['lr1'] })).rejects.toThrow(
      '--cells lr1: there is no such one; they are lr0.01, lr0.1',
    );
  });

  it('lets another process train a cell of the same folder meanwhile', async () => {
    await run('shared', { cells: ['lr0.1'] });
    const lock = await lockFolder(join(folder, 'shared/lr0.1'));
    expect((await run('shared', { cells: ['lr0.01'] })).finished).toBe(true);
    lock.release();
  });

  it('stops, and goes on to the same record', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const write = (text: string) => {
      if (text.includes('lr0.1')) controller.abort();
    };
    const stopped = await run('stopped', { signal, terminal: { write } });
    expect(stopped).toMatchObject({ finished: false, summary: { runs: 1 } });
    const { record } = await run('stopped', { resumeFrom: 'auto' });
    expect(record).toEqual(readRecord(join(folder, 'whole')));
  });

  it('is verified cell by cell', async () => {
    const workDir = join(folder, 'whole');
    const options = { workDir, benchmarks, data: folder };
    expect(await verifyBenchmark({ ...options, epoch: 1 })).toMatchObject({
      experiment: 'grid/lr0.01',
      pass: true,
      tensors: [],
    });
    expect(await verifyBenchmark(options)).toMatchObject({ experiment: 'grid/lr0.1', pass: true });
  });

  it('names its methods for whatever reads its runs', () => {
    expect(Object.keys(methodsOf(benchmarks))).toEqual(['supervised']);
  });
});

describe('an experiment that starts from weights', () => {
  const only = () => {
    const bound = benchmarks.grid?.bindBenchmark({ kind: 'grid' });
    if (bound?.way !== 'trained') expect.unreachable();
    return trainedExperiments(experiment, bound).get('lr0.1') ?? expect.unreachable();
  };
  const options = (name: string) => ({
    experiment: only(),
    methods: { supervised },
    data: folder,
    workDir: join(folder, name),
    terminal,
  });

  it('is refused without them, and with others', async () => {
    await expect(train(options('without'))).rejects.toThrow(
      `starts from weights of SHA-256 ${weights.sha256}`,
    );
    const other = join(folder, 'other.safetensors');
    const { tensors } = readSafetensors(weights.file);
    await writeSafetensors(other, { tensors, metadata: { another: 'one' } });
    await expect(train({ ...options('with'), pretrained: other })).rejects.toThrow(
      `other.safetensors has SHA-256 ${sha256File(other)}`,
    );
    await expect(
      train({ ...options('prefix'), pretrained: weights.file, prefix: 'encoder.' }),
    ).rejects.toThrow('--prefix encoder.');
    writeFileSync(other, 'nothing');
    await expect(train({ ...options('no file'), pretrained: other })).rejects.toThrow();
  });
});
