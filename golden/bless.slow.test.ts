import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Experiment } from '../harness/experiment/spec.ts';
import { exactMetrics, metricsOf } from '../harness/record/entries.ts';
import { type RunRecord, sealed, writeRecord } from '../harness/record/record.ts';
import { train } from '../harness/run/trainer.ts';
import { appendEpoch } from '../harness/testing/records.ts';
import { type BlessOptions, bless, cleanCommit, type RunRequest } from '../harness/verify/bless.ts';
import { goldenPath, readGolden, writeGolden } from '../harness/verify/golden.ts';
import { verdictOn } from '../harness/verify/golden_verdict.ts';
import { trainingRuns } from '../harness/verify/pinnable.ts';
import { methods } from '../methods/index.ts';
import { tiny, tinyExperiment } from './tiny.ts';

const short = {
  epochs: 1,
  evaluation: undefined,
  data: { ...tiny.data, train: { kind: 'generated', count: 32, size: 16 } },
};
const experiment = tinyExperiment(short);
let folder = '';
let record: RunRecord;
/** What another seed gives. */
let other: RunRecord;

const terminal = { write: () => true };
async function run(name: string, of: Experiment = experiment): Promise<RunRecord> {
  const workDir = join(folder, name);
  const { record: made } = await train({
    experiment: of,
    methods,
    data: folder,
    workDir,
    terminal,
  });
  return made;
}

const requests: RunRequest[] = [];
const perturbed = new Map<number, RunRecord>();
async function runPerturbed({
  instructions,
  experiment: _,
  ...request
}: RunRequest): Promise<RunRecord> {
  const known = perturbed.get(request.perturbation);
  if (known !== undefined) return known;
  requests.push({ ...request, experiment, ...(instructions && { instructions }) });
  const { record: made } = await train({ ...request, experiment, methods, data: folder, terminal });
  perturbed.set(request.perturbation, made);
  return made;
}

const options = (): BlessOptions => ({
  pinnable: trainingRuns(experiment, methods, folder),
  folder: join(folder, 'golden'),
  reason: 'first golden',
  command: 'bless',
  commit: 'c0ffee',
  runs: 5,
  from: join(folder, 'run'),
  workDir: join(folder, 'bless'),
  runPerturbed,
  tell: () => {},
});
const goldens = () => join(folder, 'golden');

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bless-'));
  record = await run('run');
  other = await run('other', tinyExperiment({ ...short, seed: 1 }));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('bless', () => {
  it('pins a run with bands, and keeps what holds already', async () => {
    const { path, written, blessing } = await bless(options());
    expect(written).toBe(true);
    expect(blessing).toMatchObject({ reason: 'first golden', changed: [], differences: [] });
    const golden = readGolden(path);
    expect(golden.record).toEqual(record);
    expect(golden.bands?.runs.map(({ perturbation }) => perturbation)).toEqual([1, 2, 3, 4, 5]);
    const { low = 0, high = 0, sd = 0 } = golden.bands?.epochs[1]?.metrics.loss ?? {};
    const { loss = 0 } = metricsOf(record.epochs[1]?.metrics ?? {});
    expect(sd).toBeGreaterThan(0);
    expect(low < loss && loss < high && high - low < 0.2).toBe(true);
    expect(requests.map(({ instructions }) => instructions)).toEqual(
      record.fingerprint.device === 'cpu' ? [undefined, 'AVX2', undefined, 'AVX2', undefined] : [],
    );
    expect(verdictOn(record, goldens())).toMatchObject({
      kind: 'exact',
      pass: true,
    });
    expect(await bless(options())).toMatchObject({ path, written: false });
  });

  it('holds another platform to the bands, which a change of the recipe leaves', async () => {
    const path = goldenPath(goldens(), record);
    const elsewhere = {
      ...record,
      fingerprint: { id: '123456789abc', device: 'cpu' },
      numerics: { fp32: 'cba987654321' },
    };
    const verdict = verdictOn(elsewhere, goldens());
    expect(verdict).toMatchObject({ kind: 'band', pass: true });
    expect(verdict.rows.length).toBeGreaterThan(0);
    const forged = { ...elsewhere, epochs: other.epochs };
    expect(verdictOn(forged, goldens())).toMatchObject({ kind: 'band', pass: false });
    expect(readGolden(path).log).toHaveLength(1);
  });

  it('goes on from a golden of before there were ids, made elsewhere with the same states', async () => {
    const folderHere = join(folder, 'former goldens');
    const { bands } = readGolden(goldenPath(goldens(), record));
    const { numerics: _, ...rest } = record;
    const entry = (record.epochs[1] ?? expect.unreachable()).metrics;
    const metrics = { ...entry, ...exactMetrics({ knn_top1: 1 }) };
    const epochs = record.epochs.map(({ chain: __, ...one }, i) =>
      i === 1 ? { ...one, metrics } : one,
    );
    const elsewhere = epochs.reduce<RunRecord>(appendEpoch, {
      ...sealed({ ...rest, epochs: [], fingerprint: { id: '123456789abc', device: 'cpu' } }),
    });
    const former = goldenPath(folderHere, elsewhere);
    const log = readGolden(goldenPath(goldens(), record)).log;
    await writeGolden(former, {
      format: 'reprise-golden-2',
      horizon: 1,
      record: elsewhere,
      bands,
      log,
    });
    const request = { ...options(), folder: folderHere, runs: 0, reason: 'other evaluation' };
    const { path, blessing } = await bless(request);
    expect(blessing.differences.map(({ metric }) => metric)).toEqual(['knn_top1']);
    expect(readGolden(path)).toMatchObject({
      record: { seal: record.seal },
      bands,
      log: [...log, blessing],
    });
    expect(existsSync(former)).toBe(false);
  });

  it('logs what changed, from old to new, and where first', async () => {
    const path = goldenPath(goldens(), record);
    const before = readGolden(path);
    await writeGolden(path, { ...before, record: sealed({ ...record, epochs: other.epochs }) });
    const { blessing, written } = await bless({ ...options(), reason: ' a new seed ' });
    expect(written).toBe(true);
    expect(blessing.reason).toBe('a new seed');
    expect(blessing.first).toEqual({
      epoch: 0,
      metric: 'state',
      before: other.epochs[0]?.stateHash,
      after: record.epochs[0]?.stateHash,
    });
    expect(blessing.differences.map(({ metric }) => metric)).toContain('loss');
    expect(readGolden(path).log.map(({ reason }) => reason)).toEqual([
      'first golden',
      'a new seed',
    ]);
  });

  it.each<[string, Partial<BlessOptions>, string]>([
    ['without a reason', { reason: ' ' }, 'changes only with a reason'],
    ['with too few runs', { runs: 3 }, 'at least 5 perturbed runs'],
    ['beyond the run', { horizon: 2 }, 'expected 1 to 1 epochs'],
    [
      'a run of another experiment',
      { pinnable: trainingRuns(tinyExperiment({ ...short, seed: 3 }), methods, '.') },
      'is a run of another experiment',
    ],
    ['without any bands', { runs: 0, folder: '/nonexistent' }, 'has bands yet'],
  ])('refuses: %s', async (_, changes, message) => {
    await expect(bless({ ...options(), ...changes })).rejects.toThrow(message);
  });

  it('refuses a run that this code does not make', async () => {
    const workDir = join(folder, 'forged');
    mkdirSync(workDir);
    await writeRecord(workDir, { ...record, epochs: other.epochs });
    await expect(bless({ ...options(), from: workDir })).rejects.toThrow('cannot be blessed here');
  });
});

describe('a golden names its commit, so the checkout', () => {
  const git = (...line: string[]) => {
    const who = ['-c', 'user.name=t', '-c', 'user.email=t@example.org'];
    const { status, stderr } = spawnSync('git', ['-C', join(folder, 'repo'), ...who, ...line]);
    expect(status, String(stderr)).toBe(0);
  };
  const put = (name: string) => {
    mkdirSync(dirname(join(folder, 'repo', name)), { recursive: true });
    writeFileSync(join(folder, 'repo', name), name);
  };

  it('may have changes in goldens only', () => {
    put('code.ts');
    git('init', '-q');
    git('add', '-A');
    git('commit', '-q', '-m', 'code');
    put('golden/0123456789ab/aaaaaaaaaaaa.json');
    expect(cleanCommit(join(folder, 'repo'))).toMatch(/^[0-9a-f]{40}$/);
    put('golden/run.test.ts');
    expect(() => cleanCommit(join(folder, 'repo'))).toThrow('?? golden/run.test.ts');
    rmSync(join(folder, 'repo/golden/run.test.ts'));
    put('code.ts');
    writeFileSync(join(folder, 'repo/code.ts'), 'changed');
    expect(() => cleanCommit(join(folder, 'repo'))).toThrow(' M code.ts');
    expect(() => cleanCommit('/')).toThrow('is no git checkout');
  });
});
