import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseExperiment } from '../harness/experiment/index.ts';
import type { RunRecord } from '../harness/record/record.ts';
import { openTraining } from '../harness/run/open_training.ts';
import { train } from '../harness/run/trainer.ts';
import { stepFeeds } from '../harness/step/step_inputs.ts';
import { joinedOtherwise } from '../harness/testing/joined_ops.ts';
import { stoppingAt } from '../harness/testing/stopping.ts';
import { verifyEpoch } from '../harness/verify/verify.ts';
import { inProcesses } from './processes.ts';
import { chainOf, common, detector, methods } from './small_detector.ts';

let folder = '';
let record: RunRecord;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'detector-'));
  const whole = await train({ ...common, experiment: detector(), workDir: at('whole') });
  record = whole.record;
}, 900_000);
afterAll(() => rmSync(folder, { recursive: true }));

it('is found again bit by bit, with its norms', async () => {
  const found = await verifyEpoch({ workDir: at('whole'), methods, data: '.' });
  expect(found).toMatchObject({ epoch: 2, pass: true, changes: [], tensors: [], apart: [] });
}, 900_000);

it('has the same bits with replicas one after another, and on two processes', async () => {
  const experiments = [detector()];
  const one = await inProcesses(1, { experiments, folder: at('sequential'), sequential: true });
  expect(one).toEqual([chainOf(record)]);
  expect(await inProcesses(2, { experiments, folder: at('two') })).toEqual(one);
}, 900_000);

it('goes on in the middle of a period with the same bits', async () => {
  const options = { ...common, experiment: detector(), workDir: at('stopped'), resumeFrom: 'auto' };
  const stop = new AbortController();
  expect((await train({ ...options, signal: stop.signal }, stoppingAt(1, stop))).finished).toBe(
    false,
  );
  expect(chainOf((await train(options)).record)).toBe(chainOf(record));
}, 900_000);

it('has ops of the same kinds with replicas one after another', async () => {
  const experiment = detector();
  const opsOf = async (sequential: boolean) => {
    const training = await openTraining({ experiment, methods, data: '.', sequential });
    await training.learner.initialise(experiment.seed);
    const { rate, scalars } = training.plan(0);
    for await (const batch of training.batches.epoch(1)) {
      const feeds = stepFeeds(batch, { rate, scalars });
      const ops = await training.learner.program.compiled('step', feeds, batch.sizes);
      await training.dispose();
      return ops;
    }
    return expect.unreachable();
  };
  const ops = await opsOf(false);
  expect(ops.filter(({ type }) => /Conv2D/.test(type)).length).toBeGreaterThan(100);
  expect(joinedOtherwise(ops, await opsOf(true))).toEqual([]);
}, 900_000);

it('runs in bf16, and ends with other bits', async () => {
  const experiment = parseExperiment({ ...detector(), precision: 'bf16' }, methods);
  const { record: narrow } = await train({ ...common, experiment, workDir: at('bf16') });
  expect(narrow.finished).toBe(true);
  expect(chainOf(narrow)).not.toBe(chainOf(record));
}, 900_000);
