import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { canonicalJson } from '../base/canonical.ts';
import { differences, differenceText } from '../base/difference.ts';
import { UserError } from '../base/errors.ts';
import { byKind, findRecipes, recipeNamed } from './registry.ts';
import { experimentId, parseExperiment } from './spec.ts';

const methods = {
  queue: { schema: z.strictObject({ size: z.int().positive().default(64) }).readonly() },
};
const recipe = {
  name: 'queue-small',
  method: { kind: 'queue' },
  backbone: { kind: 'resnet', depth: 18 },
  data: { train: { kind: 'generated', count: 64 }, pipelines: [[{ kind: 'flip' }]], size: 32 },
  batch: 8,
  epochs: 2,
  optimizer: { kind: 'sgd', lr: 0.1 },
  schedule: { kind: 'constant' },
};

test('every default is spelled out and nothing can be changed', () => {
  const experiment = parseExperiment(recipe, methods);
  expect(experiment.method).toEqual({ kind: 'queue', size: 64 });
  expect(experiment).toMatchObject({
    seed: 0,
    replicas: 1,
    accumulate: 1,
    precision: 'fp32',
    checkpoint: { everyEpochs: 1, everySteps: 0, keepLast: 2, keepEvery: 0 },
    log: { everySteps: 50 },
    backbone: { width: 1, stem: 'imagenet', norm: 'batch', frozenStages: -1 },
    data: { mean: [0.485, 0.456, 0.406], dropLast: false },
  });
  expect(Object.isFrozen(experiment.data.mean)).toBe(true);
  expect(Object.isFrozen(experiment.method)).toBe(true);
});

test('the id knows the value alone: not the order of keys, not whether defaults were written', () => {
  const experiment = parseExperiment(recipe, methods);
  const id = experimentId(experiment);
  const reversed = Object.fromEntries(Object.entries(recipe).reverse());
  expect(experimentId(parseExperiment(reversed, methods))).toBe(id);
  expect(experimentId(parseExperiment(experiment, methods))).toBe(id);
  const written = { ...recipe, seed: 0, method: { size: 64, kind: 'queue' } };
  expect(experimentId(parseExperiment(written, methods))).toBe(id);
  const others = [{ seed: 1 }, { method: { kind: 'queue', size: 65 } }, { precision: 'bf16' }];
  const ids = others.map((fields) =>
    experimentId(parseExperiment({ ...recipe, ...fields }, methods)),
  );
  expect(new Set([id, ...ids]).size).toBe(4);
});

test.each([
  [
    { method: { kind: 'quue' } },
    'method.kind: expected queue, found "quue"; did you mean "queue"?',
  ],
  [{ method: { kind: 'toString' } }, 'method.kind: expected queue, found "toString"'],
  [{ method: { kind: 'queue', sise: 1 } }, 'method.sise is not known; did you mean size?'],
  [{ method: { kind: 'queue', size: 0 } }, 'method.size: expected number to be >0, found 0'],
  [{ backbone: { kind: 'resnet', depth: 19 } }, 'backbone.depth: '],
  [{ batchSize: 1 }, 'experiment queue-small: batchSize is not known'],
  [{ name: '../x' }, 'name: '],
  [{ name: 'a/../x' }, 'name: '],
  [{ data: { ...recipe.data, pipelines: [] } }, 'data.pipelines: '],
])('%j is refused', (fields, message) => {
  expect(() => parseExperiment({ ...recipe, ...fields }, methods)).toThrow(UserError);
  expect(() => parseExperiment({ ...recipe, ...fields }, methods)).toThrow(message);
});

test('float16 has a loss scale, that moves unless told otherwise; nothing else has one', () => {
  const half = { ...recipe, precision: 'fp16' };
  const parsed = parseExperiment(half, methods);
  expect(parsed.lossScale).toMatchObject({ kind: 'dynamic', initial: 65536, interval: 2000 });
  expect(parseExperiment(parsed, methods)).toEqual(parsed);
  expect(parseExperiment({ ...half, lossScale: 512 }, methods).lossScale).toBe(512);
  expect(parseExperiment(recipe, methods)).not.toHaveProperty('lossScale');
  for (const precision of ['fp32', 'bf16'])
    expect(() => parseExperiment({ ...recipe, precision, lossScale: 512 }, methods)).toThrow(
      'lossScale: expected nothing: only gradients of precision fp16 need a scale',
    );
});

test('numerics are part of the id; native ones are said by nothing, so older ids stay', () => {
  const id = experimentId(parseExperiment(recipe, methods));
  const native = parseExperiment({ ...recipe, numerics: 'native' }, methods);
  expect(native).not.toHaveProperty('numerics');
  expect(experimentId(native)).toBe(id);
  const portable = parseExperiment({ ...recipe, numerics: 'portable' }, methods);
  expect(portable).toHaveProperty('numerics', 'portable');
  expect(parseExperiment(portable, methods)).toEqual(portable);
  expect(experimentId(portable)).not.toBe(id);
  const found = { classes: 2, count: 4, kind: 'generated', seed: 0, size: 8, split: 'test' };
  const narrow = [
    { precision: 'bf16' },
    { precision: 'fp16' },
    { evaluation: { test: found, precision: 'bf16' } },
  ];
  for (const fields of narrow)
    expect(() => parseExperiment({ ...recipe, numerics: 'portable', ...fields }, methods)).toThrow(
      /precision: expected fp32: numerics portable computes with AVX2, which has no instructions/,
    );
});

test('differences are named by path', () => {
  const left = { a: { b: [1, 2] }, c: 1, d: 'nothing' };
  const right = { a: { b: [1, 3, 4] }, c: 1 };
  expect(differences(left, right).map(differenceText)).toEqual([
    'a.b.1: 2 and 3',
    'a.b.2: nothing and 4',
    'd: "nothing" and nothing',
  ]);
  expect(differences({ a: [] }, { a: {} })).toHaveLength(1);
});

test('values differ somewhere exactly when their canonical JSON does', () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  fc.assert(
    fc.property(value, value, (a, b) => {
      expect(differences(a, a)).toEqual([]);
      expect(differences(a, b).length === 0).toBe(canonicalJson(a) === canonicalJson(b));
    }),
    { seed: 8 },
  );
});

const folder = mkdtempSync(join(tmpdir(), 'registry-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('methods are found by kind, one of each', () => {
  const method = (kind: string) => ({
    kind,
    ...methods.queue,
    compat: undefined,
    bind: () => null,
  });
  const [a, b] = [method('one'), method('two')];
  expect(byKind([{ a, aSpec: methods.queue.schema }, { b }])).toEqual({ one: a, two: b });
  expect(() => byKind([{ a }, { again: method('one') }])).toThrow('a second one is of kind one');
});

test('recipes are found by name, in files beside a method and in recipes/', async () => {
  mkdirSync(join(folder, 'recipes'));
  writeFileSync(join(folder, 'queue.ts'), 'throw new Error("is not imported")');
  writeFileSync(
    join(folder, 'queue.recipes.ts'),
    `const method = { kind: 'queue' };
    export const small = { name: 'queue-small', method };
    export const data = { name: 'no experiment' };
    export const all = [small, { name: 'queue/r50', method }];`,
  );
  writeFileSync(join(folder, 'recipes/more.ts'), `export const x = { name: 'a', method: {} };`);
  const recipes = await findRecipes([folder, join(folder, 'none')]);
  expect([...recipes.keys()]).toEqual(['a', 'queue-small', 'queue/r50']);
  expect(recipeNamed('queue/r50', recipes)).toEqual({
    name: 'queue/r50',
    method: { kind: 'queue' },
  });
  expect(() => recipeNamed('queue-smal', recipes)).toThrow('did you mean queue-small?');
  expect(() => recipeNamed('zzzzzz', recipes)).toThrow('known are a, queue-small, queue/r50');
  const file = join(folder, 'mine.json');
  expect(() => recipeNamed(file, recipes)).toThrow(UserError);
  writeFileSync(file, JSON.stringify(recipe));
  expect(recipeNamed(file, recipes)).toEqual(recipe);
  writeFileSync(join(folder, 'recipes/twice.ts'), `export const y = { name: 'a', method: {} };`);
  await expect(findRecipes([folder])).rejects.toThrow('a second experiment is named a');
});
