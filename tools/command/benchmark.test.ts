import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { benchmarks } from '../../benchmarks/index.ts';
import { drawnBenchmark } from '../../harness/benchmark/drawn.ts';
import { recordOf } from '../../harness/testing/records.ts';
import { goldenPath, writeGolden } from '../../harness/verify/golden.ts';
import { askedFor, type BenchmarkLine, weightsNamed } from './benchmark.ts';
import { allText, benchmarkAll } from './benchmark_all.ts';
import { benchmarkOutcome, outcomeText } from './benchmark_outcome.ts';
import { pinnableOf, subjectFrom } from './subject.ts';

const folder = mkdtempSync(join(tmpdir(), 'benchmark-line-'));
afterAll(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'cifar/cifar-10-batches-bin'), { recursive: true });
mkdirSync(join(folder, 'nothing'));

const line = (options: Partial<BenchmarkLine> = {}): BenchmarkLine => ({
  ...{ data: undefined, preset: undefined, work_dir: undefined, epoch: undefined },
  ...{ prefix: undefined, set: [], resume_from: undefined, cells: [], dry_run: false },
  ...{ workers: undefined, threads: undefined },
  ...{ processes: undefined, hosts: undefined, rank: undefined, port: undefined },
  ...{ allow_open_port: false, timeout: 60, restarts: 0, sequential: false },
  ...options,
});
const asked = (kind: string, options: Partial<BenchmarkLine> = {}) =>
  askedFor(kind, undefined, line(options));

describe('what a command line of benchmark asks for', () => {
  it('is the drawn run without --data, which is what is pinned', () => {
    const { experiment, workDir } = asked('knn');
    expect(experiment).toEqual(drawnBenchmark('knn', benchmarks));
    expect(workDir).toBe('work_dirs/benchmarks/knn-drawn/random');
  });

  it('is the first data set that the folder has, or the one that is named', () => {
    const data = join(folder, 'cifar');
    expect(asked('knn', { data }).experiment).toMatchObject({
      name: 'knn-cifar10',
      backbone: { depth: 50 },
      benchmark: { data: { train: { kind: 'cifar10' }, size: 32 } },
    });
    expect(asked('knn', { data, preset: 'imagenet' }).experiment.name).toBe('knn-imagenet');
  });

  it('takes --set', () => {
    const set = ['benchmark.temperature=0.5', 'backbone={"depth":34}'];
    expect(asked('knn', { set }).experiment).toMatchObject({
      benchmark: { temperature: 0.5 },
      backbone: { depth: 34, width: 1 },
    });
  });

  it.each<[Partial<BenchmarkLine>, RegExp]>([
    [{ data: join(folder, 'nothing') }, /nothing has none of its data: .*cifar10 \(cifar-10-/],
    [{ data: folder, preset: 'cifar' }, /--preset cifar: knn knows .*cifar10/],
    [{ preset: 'cifar10' }, /--preset cifar10: say with --data DIR where it lies/],
    [{ set: ['benchmark.kk=3'] }, /benchmark.kk is not known; did you mean k\?/],
  ])('is refused: %j', (options, message) => {
    expect(() => asked('knn', options)).toThrow(message);
  });

  it('is refused with a name that is none', () => {
    expect(() => asked('lineer')).toThrow('there is no benchmark lineer; did you mean linear?');
  });

  it('is random weights or those of a file', async () => {
    expect(await weightsNamed('random', line())).toBeUndefined();
    await expect(weightsNamed('random', line({ epoch: 3 }))).rejects.toThrow('--epoch 3');
    await expect(weightsNamed(join(folder, 'no.pth'), line())).rejects.toThrow('is not there');
  });
});

describe('benchmark all', () => {
  it('names what it leaves out and why', async () => {
    const said: string[] = [];
    const options = line({ data: join(folder, 'nothing') });
    const { rows, code } = await benchmarkAll('random', options, (text) => said.push(text));
    expect(code).toBe(0);
    expect(rows.map(({ benchmark }) => benchmark)).toEqual(Object.keys(benchmarks));
    expect(said).toHaveLength(rows.length);
    expect(allText(rows)).toMatch(/k-NN .*has none of its data/);
  });
});

describe('what bless and perturbed take', () => {
  it('is a benchmark by KIND-drawn or from a file, else a training', async () => {
    const knn = await subjectFrom('knn-drawn', { set: ['seed=3'] });
    expect(knn).toMatchObject({ way: 'benchmark', experiment: { seed: 3 } });
    const file = join(folder, 'experiment.json');
    writeFileSync(file, JSON.stringify(knn.experiment));
    expect(await subjectFrom(file, {})).toEqual(knn);
    expect((await subjectFrom('moco', {})).way).toBe('training');
    await expect(subjectFrom('no-drawn', {})).rejects.toThrow('there is no experiment no-drawn');
  });

  it('has as many entries as it has units', async () => {
    const pinnable = pinnableOf(await subjectFrom('knn-drawn', {}), '.');
    expect(pinnable).toMatchObject({ epochs: 1, resolution: 100 / 160 });
  });
});

describe('what benchmark prints', () => {
  it('has the verdict of a golden of this very run, and says how a stopped one goes on', async () => {
    const experiment = drawnBenchmark('knn', benchmarks);
    const epochs = [{}, { top1: 40 }];
    const record = recordOf({ experiment: { ...experiment }, epochs, final: { top1: 40 } });
    const goldens = join(folder, 'goldens');
    const done = { record, workDir: folder, finished: true, summary: { top1: 40 } };
    expect(benchmarkOutcome(done, goldens).golden).toBeUndefined();
    const chain = record.epochs.at(-1)?.chain ?? expect.unreachable();
    const blessing = {
      reason: 'test',
      command: '',
      commit: '',
      chain,
      changed: [],
      differences: [],
    };
    await writeGolden(goldenPath(goldens, record), {
      format: 'reprise-golden-2',
      horizon: 1,
      record,
      log: [blessing],
    });
    const outcome = benchmarkOutcome(done, goldens);
    expect(outcome.golden).toMatchObject({ kind: 'exact', pass: true });
    expect(outcomeText(outcome)).toMatch(/^top1: 40.00\nknn-drawn: .* all fit/);
    expect(outcomeText({ ...outcome, finished: false })).toContain('go on with --resume_from auto');
  });
});
