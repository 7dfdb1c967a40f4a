import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { readStates } from '../harness/record/states.ts';
import { train } from '../harness/run/trainer.ts';
import { compareFiles, compareRuns, isSame, kindOf } from '../harness/verify/compare.ts';
import { comparisonText, rerunText } from '../harness/verify/compare_text.ts';
import { rerun } from '../harness/verify/rerun.ts';
import { loadCheckpoint, saveCheckpoint } from '../harness/weights/checkpoint.ts';
import { methods } from '../methods/index.ts';
import { tiny } from './train.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'compare-'));
const at = (name: string, ...rest: string[]) => join(folder, name, ...rest);
const { evaluation: _, ...bare } = tiny;
const base = { ...bare, accumulate: 1, epochs: 2, checkpoint: { keepLast: 0 } };
const stepsPerEpoch = 8;

function run(name: string, changes: object = {}, options: object = {}) {
  const experiment = parseExperiment({ ...base, ...changes }, methods);
  return train({
    experiment,
    methods,
    data: folder,
    workDir: at(name),
    workers: 0,
    states: true,
    terminal: { write: () => undefined },
    ...options,
  });
}

beforeAll(async () => {
  await run('a');
  await run('again');
  await run('later', {
    schedule: { kind: 'step', milestones: [11], gamma: 0.5, per: 'step' },
  });
  await run('plain', { schedule: { kind: 'constant' } });
  await flipped();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A run that goes on from a checkpoint of `a` in which one bit of one weight was turned over. */
async function flipped(): Promise<void> {
  const { tensors, meta } = await loadCheckpoint(at('a', 'epoch_1.safetensors'));
  const weight = tensors.get('encoder_q.0.layer2.0.conv1.weight');
  if (weight === undefined) throw new Error('no such weight');
  const data = Float32Array.from(weight.data as Float32Array);
  new Uint32Array(data.buffer)[7] = (new Uint32Array(data.buffer)[7] ?? 0) ^ 1;
  const changed = new Map(tensors);
  changed.set('encoder_q.0.layer2.0.conv1.weight', { ...weight, data });
  const { file } = await saveCheckpoint(at('source'), { tensors: changed, meta });
  await run('flipped', {}, { resumeFrom: file });
}

const again = (a: string, b: string) =>
  rerun({ runs: [at(a), at(b)], methods, data: folder, workers: 0 });

describe('two runs of the same experiment', () => {
  it('are the same, and have every state on record', async () => {
    const found = compareRuns(at('a'), at('again'));
    expect(isSame(found)).toBe(true);
    expect(found).toMatchObject({ steps: 16, states: 16, experiment: [], surroundings: [] });
    expect(comparisonText(found)).toContain('the same, bit by bit');
    expect(
      compareFiles(at('a', 'epoch_2.safetensors'), at('again', 'epoch_2.safetensors')),
    ).toEqual([]);
  });

  it('are the same when they are run again', async () => {
    const { parting, strays, until, from } = await again('a', 'again');
    expect(parting).toBeUndefined();
    expect(strays).toEqual([undefined, undefined]);
    expect([from, until]).toEqual([2 * stepsPerEpoch, 2 * stepsPerEpoch]);
  });
});

describe('a learning rate that changes at the 12th step', () => {
  it('is found in what the folders say', () => {
    const found = compareRuns(at('plain'), at('later'));
    expect(found.step?.step).toBe(12);
    expect(found.step?.columns.map(({ path }) => path)).toEqual(['lr']);
    expect(found.state?.step).toBe(12);
    expect(found.state?.tensors[0]).toBe('encoder_q.0.conv1.weight');
    expect(found.epoch?.epoch).toBe(2);
    expect(found.experiment.map(({ path }) => path)).toContain('schedule.milestones');
  });

  it('is found by running both again from the epoch before', async () => {
    const { from, parting, strays } = await again('plain', 'later');
    expect(from).toBe(stepsPerEpoch);
    expect(parting?.step).toBe(12);
    expect(parting?.inputs.map(({ path }) => path)).toEqual(['learning_rate']);
    expect(parting?.outputs).toEqual([]);
    expect(parting?.tensors[0]?.name).toBe('encoder_q.0.conv1.weight');
    expect(strays).toEqual([undefined, undefined]);
  });
});

describe('one bit of one weight', () => {
  it('is named between two checkpoints', () => {
    const apart = compareFiles(at('a', 'epoch_1.safetensors'), at('source', 'epoch_1.safetensors'));
    expect(apart).toMatchObject([{ name: 'encoder_q.0.layer2.0.conv1.weight', elements: 1 }]);
  });

  it('shows in the first state after it, and makes the run one that cannot be repeated', async () => {
    const found = compareRuns(at('a'), at('flipped'));
    expect(found.state?.step).toBe(stepsPerEpoch + 1);
    expect(found.experiment).toEqual([]);
    const known = await again('a', 'flipped');
    expect(known.parting).toBeUndefined();
    expect(known.strays[0]).toBeUndefined();
    expect(known.strays[1]).toBeGreaterThan(stepsPerEpoch);
    expect(rerunText(known, ['a', 'flipped'])).toMatch(/flipped: step \d+, run again here/);
  });
});

it('forgets states past the checkpoint that a run goes on from', async () => {
  await run('again', {}, { resumeFrom: at('again', 'epoch_1.safetensors') });
  expect(readStates(at('again')).map(({ step }) => step)).toEqual(
    Array.from({ length: 16 }, (_, i) => i + 1),
  );
  expect(readStates(at('again'))).toEqual(readStates(at('a')));
});

it('refuses a file and a folder, and what is not there', () => {
  expect(() => kindOf(at('a'), at('a', 'steps.csv'))).toThrow('expected two work directories');
  expect(() => kindOf(at('a'), at('none'))).toThrow('is not there');
});
