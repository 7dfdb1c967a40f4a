import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HostArray, hostArray } from '../harness/engine/array.ts';
import { lineOf, type Result, runParity } from '../harness/testing/parity/run.ts';
import { sharedPath } from '../harness/testing/shared.ts';
import { readSafetensors, writeSafetensors } from '../harness/weights/safetensors.ts';
import { parityCases } from './parity_cases.ts';

const fixtures = sharedPath('parity');
const NAME = 'linear_multihead';

interface Case {
  hyper_parameters: Record<string, unknown>;
  model: Record<string, unknown>;
  param_options?: Record<string, unknown> | undefined;
  tensors: Record<string, { role: string; dtype: string; shape: readonly number[] }>;
}
type Tensors = Map<string, HostArray>;

async function run(folder: string, name: string): Promise<Result> {
  for await (const result of runParity(folder, parityCases, [name])) return result;
  throw new Error(`no case ${name}`);
}

describe.skipIf(fixtures === undefined)('heads on several levels', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'multi-head-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** The case with other tensors and another description; the table follows the tensors. */
  async function altered(title: string, change: (json: Case, tensors: Tensors) => void) {
    const name = title.replaceAll(/\W/g, '_');
    const json: Case = JSON.parse(readFileSync(join(fixtures ?? '', `${NAME}.json`), 'utf8'));
    const roles = new Map(Object.entries(json.tensors).map(([key, { role }]) => [key, role]));
    const read = readSafetensors(join(fixtures ?? '', `${NAME}.safetensors`)).tensors;
    const tensors: Tensors = new Map(read);
    change(json, tensors);
    json.tensors = Object.fromEntries(
      [...tensors].map(([key, { dtype, shape }]) => {
        const guess = /^(in|init|rng)\./.test(key) ? 'input' : 'expected';
        return [key, { role: roles.get(key) ?? guess, dtype, shape }];
      }),
    );
    writeFileSync(join(folder, `${name}.json`), JSON.stringify(json));
    await writeSafetensors(join(folder, `${name}.safetensors`), { tensors, metadata: {} });
    return run(folder, name);
  }

  it('agree with the reference', async () => {
    const result = await run(fixtures ?? '', NAME);
    process.stdout.write(`${lineOf(result)}\n`);
    expect(result.failed).toEqual([]);
    expect(result.problem).toBeUndefined();
    expect(result.compared).toBeGreaterThan(30);
  });

  // Heads are independent of each other, so those that stay have the values of the whole case.
  it.each([[[0, 4]], [[2]], [[4, 0]]])('agree for levels %j alone', async (levels) => {
    const all = [0, 2, 4];
    const result = await altered(`levels ${levels}`, (json, tensors) => {
      json.hyper_parameters.in_indices = levels;
      json.model.in_indices = levels;
      json.param_options = undefined;
      const kept = new Map(tensors);
      tensors.clear();
      for (const [key, value] of kept) {
        const [, before = '', own, after = ''] =
          /^(.*?(?:norms\.|fcs\.|loss\.|acc\.|feat))(\d)(.*)$/.exec(key) ?? [];
        if (own === undefined) {
          tensors.set(key, value);
          continue;
        }
        const from = /(loss|acc)\.$/.test(before) ? 1 : 0;
        const level = before.endsWith('feat') ? Number(own) - 1 : (all[Number(own) - from] ?? -1);
        const place = levels.indexOf(level);
        if (place < 0) continue;
        const number = before.endsWith('feat') ? level + 1 : place + from;
        tensors.set(`${before}${number}${after}`, value);
      }
    });
    expect(lineOf(result)).toMatch(/^PASS/);
    expect(result.compared).toBeGreaterThan(9 * levels.length);
  });

  it.each<[string, (json: Case, tensors: Tensors) => void]>([
    [
      'momentum of the norms',
      ({ model }) => Object.assign(model.norm_cfg ?? {}, { momentum: 0.2 }),
    ],
    [
      'weight decay',
      ({ hyper_parameters }) =>
        Object.assign(hyper_parameters.optimizer ?? {}, { weight_decay: 1 }),
    ],
    [
      'momentum without Nesterov',
      ({ hyper_parameters }) =>
        Object.assign(hyper_parameters.optimizer ?? {}, { nesterov: false }),
    ],
    [
      'labels',
      (_, tensors) =>
        tensors.set('in.step1.gt_label', hostArray('int64', [3], BigInt64Array.of(0n, 0n, 0n))),
    ],
  ])('another choice of %s misses the reference', async (title, change) => {
    const result = await altered(title, (json, tensors) => {
      json.param_options = undefined;
      change(json, tensors);
    });
    expect(result.problem).toBeUndefined();
    expect(result.pass).toBe(false);
  });

  it.each<[string, (json: Case, tensors: Tensors) => void, RegExp]>([
    ['unknown option', ({ model }) => (model.dropout = 0.5), /model.*dropout/],
    ['unknown pool', ({ model }) => (model.pool_type = 'max'), /model: pool_type/],
    [
      'norms of another kind',
      ({ model }) => (model.norm_cfg = { type: 'IN' }),
      /unsupported: norm_cfg\.type IN, because/,
    ],
    [
      'a level that is not there',
      ({ model }) => (model.in_indices = [0, 2, 5]),
      /model: in_indices\.2/,
    ],
    [
      'other levels in the model',
      ({ model }) => (model.in_indices = [0, 2, 3]),
      /hyper_parameters\.in_indices: 0,2,4, but the model has 0,2,3/,
    ],
    [
      'other classes',
      ({ model, hyper_parameters }) => {
        model.num_classes = 4;
        hyper_parameters.classes = 4;
      },
      /init\.head\.fcs\.0\.weight: found shape \[3,9216\], expected \[4,9216\]/,
    ],
    [
      'other batch',
      ({ hyper_parameters }) => (hyper_parameters.batch = 2),
      /in\.step1\.feat1: found shape \[3,64,14,14\], expected \[2,C,H,W\]/,
    ],
    [
      'windows for other images',
      ({ model }) => (model.pool_type = 'specified'),
      /level 0: a map of 14 x 14 pixels is pooled to 2 a side, expected 12/,
    ],
    [
      'more steps',
      ({ hyper_parameters }) => (hyper_parameters.steps = 2),
      /input is missing: in\.step2\.feat1/,
    ],
    [
      'missing features',
      (_, tensors) => tensors.delete('in.step1.feat3'),
      /input is missing: in\.step1\.feat3/,
    ],
    [
      'missing weight',
      (_, tensors) => tensors.delete('init.head.fcs.1.weight'),
      /input is missing: init\.head\.fcs\.1\.weight/,
    ],
    [
      'one tensor too many',
      (_, tensors) =>
        tensors.set('init.head.fcs.3.bias', hostArray('float32', [3], new Float32Array(3))),
      /init\.head\.fcs\.3\.bias: the heads built from the case have no such tensor/,
    ],
    [
      'features that are flat',
      (_, tensors) =>
        tensors.set('in.step1.feat5', hostArray('float32', [3, 2048], new Float32Array(3 * 2048))),
      /in\.step1\.feat5: found shape \[3,2048\], expected \[3,C,H,W\]/,
    ],
    [
      'other channels',
      (_, tensors) =>
        tensors.set('in.step1.feat1', hostArray('float32', [3, 8, 9, 9], new Float32Array(1944))),
      /init\.head\.fcs\.0\.weight: found shape \[3,9216\], expected \[3,1152\]/,
    ],
    [
      'class out of range',
      (_, tensors) =>
        tensors.set('in.step1.gt_label', hostArray('int64', [3], BigInt64Array.of(0n, 3n, 1n))),
      /in\.step1\.gt_label: found class 3, expected 0 to 2/,
    ],
  ])('%s: fails by name', async (title, change, message) => {
    const result = await altered(title, change);
    expect(result.pass).toBe(false);
    expect(lineOf(result)).toMatch(message);
  });
});
