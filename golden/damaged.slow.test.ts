import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { imageCheck } from '../harness/data/checks/check_images.ts';
import { ImageError } from '../harness/data/loader/image_error.ts';
import { epochOrder } from '../harness/data/loader/order.ts';
import { openSource } from '../harness/data/open_source.ts';
import { startEngine } from '../harness/engine/index.ts';
import { openEvaluator } from '../harness/evaluation/evaluator.ts';
import type { JudgeSetup } from '../harness/evaluation/judge.ts';
import { readRecord } from '../harness/record/record.ts';
import { openers } from '../harness/run/open_training.ts';
import { type TrainOptions, train } from '../harness/run/trainer.ts';
import { compareRuns } from '../harness/verify/compare.ts';
import { verifyEpoch } from '../harness/verify/verify.ts';
import { methods } from '../methods/index.ts';
import { tiny, tinyExperiment } from './tiny.ts';

// Runs on files of which one is damaged, repaired or replaced on the way. Eight steps an epoch.
const set = { kind: 'folder', root: 'set' } as const;
const COUNT = 64;
const BATCH = 8;
const experiment = tinyExperiment({
  data: { ...tiny.data, train: set },
  batch: BATCH,
  epochs: 2,
  evaluation: { ...tiny.evaluation, linear: undefined },
});
const jpeg = readFileSync(fileURLToPath(new URL('./data/images/jpeg444', import.meta.url)));
const png = readFileSync(fileURLToPath(new URL('./data/images/png_rgb', import.meta.url)));

let folder = '';
let data = '';
let shown = '';
const terminal = { write: (text: string) => (shown += text) };

/** Files of one size and time, so that what is written over one of them in place is not noticed. */
function write(index: number, bytes: Uint8Array, hidden = true): void {
  const path = fileOf(index);
  writeFileSync(path, bytes);
  if (hidden) utimesSync(path, 1e9, 1e9);
}

function fileOf(index: number): string {
  return join(data, 'set', index < COUNT / 2 ? 'a' : 'b', `${100 + index}.jpg`);
}

/** A picture like all others and yet a content of its own: bytes behind the end of a JPEG are not read. */
function picture(index: number): Buffer {
  return Buffer.concat([jpeg, Buffer.from(`picture ${100 + index}`)]);
}

/** The sample that the first epoch takes at a place of its order. */
function taken(place: number): number {
  const setup = { seed: 0, replicas: 1, batch: BATCH, dropLast: true, replacement: false };
  return epochOrder(setup, COUNT, 0)[place] ?? 0;
}

function run(name: string, options: Partial<TrainOptions> = {}) {
  shown = '';
  const workDir = join(folder, name);
  return train({ experiment, methods, data, workDir, terminal, workers: 0, ...options });
}

function files(name: string): string[] {
  return ['steps.csv', 'epochs.csv'].map((file) => readFileSync(join(folder, name, file), 'utf8'));
}

const resume = { resumeFrom: 'auto' } as const;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'damaged-'));
  await startEngine(); // whose library is in the usual cache
});

beforeEach(async () => {
  // What a repair leaves in the cache of one test is unknown to the next one.
  const cache = mkdtempSync(join(folder, 'cache-'));
  vi.stubEnv('XDG_CACHE_HOME', cache);
  data = mkdtempSync(join(folder, 'data-'));
  for (const name of ['a', 'b']) mkdirSync(join(data, 'set', name), { recursive: true });
  for (let i = 0; i < COUNT; i++) write(i, picture(i));
});

afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

test('damaged images are named before the first step, all together', async () => {
  for (const index of [3, 40]) write(index, jpeg.subarray(0, 400), false);
  const error = await run('before').catch((it) => it);
  expect(error.message).toMatch(
    /^2 images cannot be used:\n {2}data\.train: \S*103\.jpg is damaged/,
  );
  expect(error.message).toMatch(
    /\n {2}data\.train: \S*140\.jpg .* --resume_from auto --work_dir /s,
  );
  expect(shown).toMatch(/64 images have not been decoded yet: .* before the first step/);
  for (const index of [3, 40]) write(index, picture(index), false);
  await run('before', { ...resume, stopAfterEpoch: 1 });
  expect(shown).toMatch(/2 images have not been decoded yet/);
  expect(readRecord(join(folder, 'before')).data.repaired).toBeUndefined();
});

describe('an image that is damaged in the middle of a run', () => {
  const last = taken(6 * BATCH + 3); // step 7 of the first epoch

  /** A run that has met the damaged image. */
  async function met(name: string, options: Partial<TrainOptions> = {}): Promise<Error> {
    const source = await openSource(set, { data });
    await imageCheck({ train: source }, { few: COUNT }).run(); // so that hashes and decoding are known
    write(last, new Uint8Array(picture(last).length));
    return run(name, options).then(
      () => expect.unreachable(),
      (error) => error,
    );
  }

  test('ends the run with all steps before it saved, and says how to go on', async () => {
    const { message } = await met('ends', { workers: 1 });
    expect(message).toMatch(/^\S*\.jpg is zero bytes/);
    expect(message).toMatch(/the run ends after step 6; step 6 is saved\. Repair or replace/);
    expect(message).toContain(`--resume_from auto --work_dir ${join(folder, 'ends')}`);
    expect(files('ends')[0]?.trim().split('\n')).toHaveLength(1 + 6);
    await expect(run('ends', resume)).rejects.toThrow(/ends after step 6/);
    write(last, picture(last), false); // as it was
    const { record } = await run('ends', resume);
    expect(record.data.repaired).toBeUndefined();
    expect(shown).toMatch(/resumed from .* step 6/);
    await run('undisturbed');
    expect(files('ends')).toEqual(files('undisturbed'));
    expect(record.epochs).toEqual(readRecord(join(folder, 'undisturbed')).epochs);
  });

  test('may be replaced: the record says so, and epochs can be verified', async () => {
    await met('replaced');
    const before = readRecord(join(folder, 'replaced')).data;
    write(last, png, false);
    const { record } = await run('replaced', resume);
    expect(shown).toMatch(/warning: [ab]\/1\d\d\.jpg of data\.train is another since .* step 6/);
    const { repaired = [], train: now } = record.data;
    expect(repaired).toMatchObject([{ use: 'train', index: last, step: 6 }]);
    expect(repaired[0]?.name).toBe(fileOf(last).slice(join(data, 'set').length + 1));
    expect(now).not.toBe(before.train);
    expect(readRecord(join(folder, 'replaced'))).toEqual(record);
    // Nothing that came before has seen the file: the run is that of the repaired set.
    await run('anew');
    expect(files('replaced')).toEqual(files('anew'));
    for (const epoch of [1, 2]) {
      const found = await verifyEpoch({
        workDir: join(folder, 'replaced'),
        methods,
        data,
        epoch,
        workers: 0,
      });
      expect(found).toMatchObject({ pass: true, apart: [], epoch });
    }
    const { surroundings } = compareRuns(join(folder, 'replaced'), join(folder, 'anew'));
    expect(surroundings.map(({ path }) => path)).toEqual(['data.repaired']);
    // A second time, by then used.
    write(last, picture(1), false);
    await expect(
      run('later', { resumeFrom: join(folder, 'replaced', 'epoch_1.safetensors') }),
    ).rejects.toThrow(
      /of data\.train, the run has used images that are others now:\n.*\.jpg has SHA/,
    );
  });

  test('is no reason to go on with an image that was used, or with more or fewer of them', async () => {
    await met('used');
    write(last, png, false);
    const first = taken(0);
    write(first, picture(last), false);
    await expect(run('used', resume)).rejects.toThrow(
      new RegExp(
        `has used images that are others now:\n  ${fileOf(first)} has SHA-256 \\w{64}, exp`,
      ),
    );
    write(first, picture(first), false);
    writeFileSync(join(data, 'set', 'b', '999.jpg'), picture(99));
    await expect(run('used', resume)).rejects.toThrow(/data\.train has 65 images, expected 64/);
    rmSync(join(data, 'set', 'b', '999.jpg'));
    const moved = join(folder, 'moved');
    cpSync(join(folder, 'used'), moved, {
      recursive: true,
      filter: (path) => !path.endsWith('.digests'),
    });
    await expect(run('moved', resume)).rejects.toThrow(/the data changed since the checkpoint/);
    const { record } = await run('used', resume);
    expect(record.data.repaired).toHaveLength(1);
  });
});

test('an image that a judge cannot read after an epoch costs none of its steps', async () => {
  let broken = true;
  const open = {
    ...openers,
    openEvaluator: async (setup: JudgeSetup) => {
      const judge = await openEvaluator(setup);
      if (judge === undefined) throw new Error('no evaluation');
      const atEpoch: typeof judge.atEpoch = (epoch, weights) =>
        epoch === 1 && broken
          ? Promise.reject(new ImageError('test/1.jpg is damaged'))
          : judge.atEpoch(epoch, weights);
      return { ...judge, atEpoch };
    },
  };
  const workDir = join(folder, 'judged');
  const options = { experiment, methods, data, workDir, terminal, workers: 0 };
  await expect(train(options, open)).rejects.toThrow(
    /^test\/1\.jpg is damaged\nthe run ends after step 8; step 8 is saved\. .* --resume_from auto/,
  );
  broken = false;
  shown = '';
  await train({ ...options, ...resume }, open);
  expect(shown).toMatch(/resumed from .* epoch 0, step 8/);
  await run('not-judged');
  expect(files('judged')).toEqual(files('not-judged'));
});

test('what a method or a judge has looked through counts as used', async () => {
  const odc = tinyExperiment({
    name: 'odc/tiny',
    method: { kind: 'odc', clusters: 4, minCluster: 2 },
    data: { ...tiny.data, train: set, pipelines: tiny.data.pipelines.slice(0, 1) },
    batch: BATCH,
    epochs: 1,
    checkpoint: { everySteps: 1, keepLast: 0 },
    evaluation: undefined,
  });
  const source = await openSource(set, { data });
  await imageCheck({ train: source }, { few: COUNT }).run();
  write(9, new Uint8Array(picture(9).length));
  await expect(run('odc', { experiment: odc })).rejects.toThrow(
    /ends after step 0; step 0 is saved/,
  );
  write(9, png, false);
  const stop = new AbortController();
  const listen = {
    write: (text: string) => {
      if (text.includes('saved step 2')) stop.abort();
    },
  };
  const stopped = { signal: stop.signal, terminal: listen };
  const { record: begun } = await run('odc', { experiment: odc, ...resume, ...stopped });
  expect(begun.data.repaired).toMatchObject([{ index: 9, step: 0 }]);
  write(taken(7 * BATCH), png, false);
  await expect(run('odc', { experiment: odc, ...resume })).rejects.toThrow(/has used images/);
});

test('images of an evaluation may be repaired as long as nothing has been judged by them', async () => {
  const judged = (evaluation: object) =>
    tinyExperiment({ epochs: 1, evaluation: { ...evaluation, test: set, train: set } });
  const probe = judged({ linear: { epochs: 1 } });
  const knn = judged({ knn: { k: 5 } });
  for (const [name, one, line] of [
    ['probe', probe, '1 epochs of'],
    ['knn', knn, 'Epoch [0]'], // after the judgement of the weights that it begins with
  ] as const) {
    const stop = new AbortController();
    const listen = { write: (text: string) => text.includes(line) && stop.abort() };
    await run(name, { experiment: one, signal: stop.signal, terminal: listen });
    expect(readRecord(join(folder, name)).finished).toBe(false);
  }
  write(5, png, false);
  await expect(run('knn', { experiment: knn, ...resume })).rejects.toThrow(
    /of evaluation\.train, the run has used images/,
  );
  const { record } = await run('probe', { experiment: probe, ...resume });
  expect(record.data.repaired?.map(({ use }) => use)).toEqual([
    'evaluation.train',
    'evaluation.test',
  ]);
});
