import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { lockFolder, sha256 } from '../base/index.ts';
import { chained } from '../record/entries.ts';
import { readRecord, writeRecord } from '../record/record.ts';
import { drawnToy, toyBenchmark, toyExperiment } from '../testing/toy_benchmark.ts';
import { compareRuns, isSame } from '../verify/compare.ts';
import type { BenchmarkOptions } from './options.ts';
import { runBenchmark } from './run.ts';
import { verifyBenchmark } from './verify.ts';
import { perturbedWeights, randomWeights } from './weights.ts';

const folder = mkdtempSync(join(tmpdir(), 'benchmark-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let said = '';
const terminal = { write: (text: string) => (said += text) };
const run = (name: string, options: Partial<BenchmarkOptions> = {}) => {
  said = '';
  const experiment = toyExperiment();
  const workDir = join(folder, name);
  const benchmarks = toyBenchmark();
  return runBenchmark({ experiment, benchmarks, data: folder, terminal, workDir, ...options });
};
const verify = (name: string, epoch?: number) =>
  verifyBenchmark({ workDir: join(folder, name), benchmarks: toyBenchmark(), data: folder, epoch });
const unit = (name: string, layer: string) => join(folder, name, 'units', `${layer}.safetensors`);

describe('a frozen protocol', () => {
  it('leaves a record of its units that checks, on random weights', async () => {
    const { record, finished, summary } = await run('whole');
    expect(finished).toBe(true);
    expect(readRecord(join(folder, 'whole'))).toEqual(record);
    expect(record.epochs.map(({ epoch, metrics }) => [epoch, Object.keys(metrics)])).toEqual([
      [0, []],
      [1, ['top1']],
      [2, ['top1']],
    ]);
    const values = record.epochs.slice(1).map(({ metrics }) => Number(metrics.top1?.value));
    expect(summary).toEqual({ best: Math.max(...values) });
    expect(record.final?.best?.value).toBe(Math.max(...values));
    expect(Object.keys(record.data).sort()).toEqual(['test', 'train']);
    expect(record.experiment.benchmark).toMatchObject({ kind: 'toy', size: 16, least: 1 });
    const names = readdirSync(join(folder, 'whole'));
    expect(names.filter((name) => /^benchmark_\d{8}_\d{6}\.log$/.test(name))).toHaveLength(1);
    expect(names).toEqual(expect.arrayContaining(['features', 'units', 'record.json']));
  });

  it('has the same bits with one thread, in another folder', async () => {
    await run('one thread', { threads: 1, workers: 0 });
    expect(isSame(compareRuns(join(folder, 'whole'), join(folder, 'one thread')))).toBe(true);
    for (const layer of ['feat4', 'feat5'])
      expect(readFileSync(unit('one thread', layer))).toEqual(readFileSync(unit('whole', layer)));
  });

  it.each(['feat4', 'feat5'])('stopped in %s goes on to the same record', async (at) => {
    const controller = new AbortController();
    const before = (_: unknown, name: string) => {
      if (name !== at) return;
      controller.abort();
      controller.signal.throwIfAborted();
    };
    const name = `stopped in ${at}`;
    const { signal } = controller;
    const stopped = await run(name, { benchmarks: toyBenchmark({ before }), signal });
    expect([stopped.finished, stopped.summary]).toEqual([false, undefined]);
    expect(stopped.record.epochs).toHaveLength(at === 'feat4' ? 1 : 2);
    await expect(run(name)).rejects.toThrow('go on with --resume_from auto');
    const { record } = await run(name, { resumeFrom: 'auto' });
    expect(record).toEqual(readRecord(join(folder, 'whole')));
  });

  it('takes the features that are there, and makes those anew that are not whole', async () => {
    await run('features', { stopAfterUnit: 1 });
    await run('features', { resumeFrom: 'auto' });
    expect(said).not.toContain('of 40 images');
    const file = join(folder, 'features', 'features', 'test_feat5_average.npy');
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(file, bytes);
    rmSync(unit('features', 'feat5'));
    const { record } = await run('features', { resumeFrom: 'auto' });
    expect(said).toContain('features test_feat5_average: made again');
    expect(record).toEqual(readRecord(join(folder, 'whole')));
  });

  it('computes a unit again whose file is damaged, and says so', async () => {
    await run('damaged');
    const file = unit('damaged', 'feat4');
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(file, bytes);
    const { record } = await run('damaged', { resumeFrom: 'auto' });
    expect(said).toContain('is damaged: its tensors have SHA-256');
    expect(record).toEqual(readRecord(join(folder, 'whole')));
    expect(readFileSync(file)).toEqual(readFileSync(unit('whole', 'feat4')));
  });

  it('moves every weight by one unit in the last place where a band is measured', async () => {
    const { record } = await run('moved', { perturbation: 1 });
    const whole = readRecord(join(folder, 'whole'));
    expect(record.epochs[0]?.stateHash).not.toBe(whole.epochs[0]?.stateHash);
    expect(record.epochs[1]?.stateHash).not.toBe(whole.epochs[1]?.stateHash);
    expect(record.environment.perturbation).toBe('1');
    const { backbone } = toyExperiment();
    const weights = randomWeights(backbone, 0);
    const [before, after] = [weights, perturbedWeights(weights, backbone, 1)].map((tensors) =>
      Float32Array.from(tensors.get('conv1.weight')?.data ?? [], Number),
    );
    const steps = new Int32Array(before?.buffer ?? []).map(
      (bits, i) => bits - (new Int32Array(after?.buffer ?? [])[i] ?? 0),
    );
    expect(new Set(steps)).toEqual(new Set([1, -1]));
    await expect(run('moved', { resumeFrom: 'auto' })).rejects.toThrow('was made with 1');
  });
});

describe('a benchmark is refused', () => {
  it('in a folder that holds another one, by the field that differs, or this one', async () => {
    await expect(run('whole', { experiment: toyExperiment({ seed: 1 }) })).rejects.toThrow(
      /another experiment, toy-drawn:\n {2}seed: 0 there, 1 asked for/,
    );
    await expect(run('whole')).rejects.toThrow('holds a finished run of this benchmark');
    expect((await run('whole', { resumeFrom: 'auto' })).finished).toBe(true);
  });

  it('while another process works in the folder', async () => {
    await run('locked');
    const lock = await lockFolder(join(folder, 'locked'));
    await expect(run('locked', { resumeFrom: 'auto' })).rejects.toThrow('is in use');
    lock.release();
  });

  it.each<[string, object, RegExp]>([
    [
      'test classes unlike train’s',
      { test: { ...drawnToy.test, classes: 5 } },
      /do not have the same classes \(4 and 5 of them\)/,
    ],
    ['what its data do not allow', { least: 41 }, /benchmark.least: found 41, but there are 40/],
    ['a folder that is not there', { test: { kind: 'folder', root: 'nowhere' } }, /nowhere/],
  ])('%s, before anything is computed', async (name, spec, message) => {
    const experiment = toyExperiment({}, spec);
    await expect(run(name, { experiment })).rejects.toThrow(message);
    expect(existsSync(join(folder, name, 'features'))).toBe(false);
  });

  it('with weights that are not given, or others', async () => {
    const weights = { kind: 'file', sha256: 'a'.repeat(64), prefix: '' };
    const experiment = toyExperiment({ weights });
    await expect(run('without weights', { experiment })).rejects.toThrow('name their file');
    const given = {
      file: 'mine.pth',
      sha256: experiment.weights.kind === 'file' ? experiment.weights.sha256 : expect.unreachable(),
      prefix: 'backbone.',
      backbone: experiment.backbone,
      sobel: false,
      tensors: new Map(),
      said: [],
    };
    await expect(run('other weights', { experiment, weights: given })).rejects.toThrow(
      'mine.pth is not what the benchmark is of',
    );
    const wider = { ...given, prefix: '', backbone: { ...experiment.backbone, width: 1 } };
    await expect(run('wider weights', { experiment, weights: wider })).rejects.toThrow(
      'backbone: mine.pth holds',
    );
  });

  it('whose features are not finite, naming the image', async () => {
    const experiment = toyExperiment({ std: [0, 0, 0] });
    await expect(run('not finite', { experiment })).rejects.toThrow(/generated.*not finite/);
  });
});

describe('verify', () => {
  it.each([1, 2])('computes unit %i again and finds the same bits', async (epoch) => {
    const found = await verify('whole', epoch);
    expect(found).toMatchObject({ pass: true, epoch, tensors: [], changes: [], apart: [] });
  });

  it('finds a record that this code does not make', async () => {
    const { seal: _, ...record } = (await run('forged')).record;
    const [start, first, last] = record.epochs;
    if (start === undefined || first === undefined || last === undefined) expect.unreachable();
    const { chain: __, ...entry } = last;
    const forged = chained({ ...entry, stateHash: sha256('another') }, first);
    await writeRecord(join(folder, 'forged'), { ...record, epochs: [start, first, forged] });
    await expect(verify('forged', 2)).rejects.toThrow('feat5.safetensors is damaged');
    rmSync(unit('forged', 'feat5'));
    const found = await verify('forged', 2);
    expect(found).toMatchObject({ pass: false, tensors: undefined });
    expect(found.changes.map(({ metric }) => metric)).toEqual(['state']);
  });

  it('refuses units that are not there', async () => {
    await expect(verify('whole', 3)).rejects.toThrow('has units 1 to 2');
    await run('begun', { stopAfterUnit: 0 });
    await expect(verify('begun')).rejects.toThrow('has not finished a unit yet');
  });
});
