import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { sha256File } from '../harness/base/hash.ts';
import { latestCheckpoint } from '../harness/weights/checkpoint.ts';
import {
  runScript,
  runTrain,
  runTrainLimited,
  startTrain,
  traces,
  writeExperiment,
} from './train.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'train-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = writeExperiment(folder);
const whole = join(folder, 'whole');

test('a run ends, and its records and weights are there', async () => {
  const { status, stderr } = runTrain(file, '--work_dir', whole);
  expect(status, stderr).toBe(0);
  expect((await latestCheckpoint(whole, expect.unreachable))?.file).toMatch(
    /epoch_3\.safetensors$/,
  );
});

test('Ctrl-C saves the step and says how to go on; a full disk takes nothing away', async () => {
  const workDir = join(folder, 'stopped');
  const run = startTrain(file, '--work_dir', workDir);
  await run.lines(/saved step/g, 2);
  run.child.kill('SIGINT');
  expect(await run.ended).toBe(130);
  expect(run.output()).toMatch(/--resume_from auto/);
  expect(runTrain(file, '--work_dir', workDir).stderr).toMatch(
    /holds an unfinished run of this experiment, 0 epochs done; go on with --resume_from auto/,
  );
  const resume = [file, '--work_dir', workDir, '--resume_from', 'auto'];
  const saved = await latestCheckpoint(workDir, expect.unreachable);
  // No file may pass 100 KiB, as on a disk that is full: the next checkpoint is larger.
  const { status: full, stderr } = runTrainLimited(100, ...resume);
  expect(full).toBe(1);
  expect(stderr).toMatch(/cannot write .*raise `ulimit -f`.* what was there before is untouched/);
  expect(stderr).not.toMatch(/\n {4}at /);
  expect((await latestCheckpoint(workDir, expect.unreachable))?.file).toBe(saved?.file);
  expect(runTrain(...resume).status).toBe(0);
  expect(await traces(workDir)).toEqual(await traces(whole));
});

test('a checkpoint of another experiment is refused with the fields that differ', () => {
  const other = ['--set', 'optimizer.lr=0.1', '--work_dir', join(folder, 'other')];
  const { status, stderr } = runTrain(
    file,
    ...other,
    '--resume_from',
    join(whole, 'epoch_3.safetensors'),
  );
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /epoch_3.safetensors is of another experiment:\n {2}optimizer.lr: 0.05 there, 0.1 asked for/,
  );
  expect(stderr).not.toContain('a run keeps its epochs');
  const longer = runTrain(file, '--epochs', '5', '--work_dir', whole, '--resume_from', 'auto');
  expect(longer.status).toBe(1);
  expect(longer.stderr).toContain(
    `begin a new run: --pretrained ${join(whole, 'epoch_3.safetensors')} --work_dir DIR`,
  );
  const { stderr: taken } = runTrain(file, '--seed=1', '--work_dir', whole);
  expect(taken).toMatch(/no option --seed/);
  expect(runTrain(file, '--set', 'seed=1', '--work_dir', whole).stderr).toMatch(
    /holds a run of another experiment, tiny:\n {2}seed: 0 there, 1 asked for/,
  );
});

test('reproduce compares, publishes and sums up a run; a finished one is not trained again', () => {
  const { status, stdout, stderr } = runScript('reproduce', file, '--work_dir', whole);
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/^the run was finished before: compared, not trained again\n/);
  expect(stdout).toMatch(/\nknn_top1 +random weights \d+\.\d\d, then( \d+\.\d\d){3} \([+-]/);
  expect(stdout).toMatch(/\nloss +\d+\.\d{4} in epoch 1, \d+\.\d{4} in epoch 3\n/);
  expect(stdout).toMatch(/\ngolden {6}none: .*nothing was compared/);
  const weights = /\nweights {5}(.*)\n/.exec(stdout)?.[1] ?? '';
  expect(sha256File(weights).slice(0, 8)).toBe(/-(.{8})\.safetensors$/.exec(weights)?.[1]);
});

test('a dry run of a method with a bank needs no data whose size it could know', () => {
  const set = ['data.train={"kind":"folder","root":"nowhere"}', 'method.negatives=8', 'batch=8'];
  const { status, stdout, stderr } = runScript(
    'train',
    'npid',
    ...['--dry_run', '--json', ...set.flatMap((one) => ['--set', one])],
  );
  expect(status, stderr).toBe(0);
  expect(JSON.parse(stdout).full).toEqual(expect.objectContaining({ batch: 8 }));
});

test('a dry run needs no data and says what it measured', () => {
  const list = { kind: 'list', root: 'imagenet/train', file: 'imagenet/meta/train.txt' };
  const dry = ['--dry_run', '--data', folder, '--set', `data.train=${JSON.stringify(list)}`];
  const { status, stdout, stderr } = runScript('train', file, ...dry, '--json');
  expect(status, stderr).toBe(0);
  const found = JSON.parse(stdout);
  expect(found).toMatchObject({
    images: { count: 1_281_167, from: 'the official size' },
    stepsPerEpoch: Math.floor(1_281_167 / 16),
    measured: true,
    full: { replicas: 1, batch: 16 },
    small: { replicas: 1, batch: 8 },
  });
  expect(found.etaSeconds).toBeCloseTo(found.stepSeconds * found.stepsPerEpoch * 3, 3);
  expect(found.peakBytes).toBeGreaterThan(found.stateBytes);
  expect(runScript('train', file, '--processes', '2').stderr).toMatch(
    /^train: --processes 2: the experiment has 1 replicas, which processes share evenly; use 1\n$/,
  );
});
