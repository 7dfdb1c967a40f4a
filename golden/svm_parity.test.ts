import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { inTemporaryFolder } from '../harness/base/index.ts';
import { lineOf, runParity } from '../harness/testing/parity/run.ts';
import { parityCases } from './parity_cases.ts';

const fixtures = fileURLToPath(new URL('parity', import.meta.url));

async function run(folder: string, name: string) {
  for await (const result of runParity(folder, parityCases, [name])) return result;
  throw new Error(`no case ${name}`);
}

it.each([
  ['svm_voc07', 30],
  ['svm_lowshot', 18],
  ['svm_five_folds', 17],
  ['svm_ties', 17],
  ['svm_one_feature', 15],
  ['svm_lowshot_uneven', 12],
])('agrees with scikit-learn: %s', async (name, atLeast) => {
  const result = await run(fixtures, name);
  process.stdout.write(`${lineOf(result)}\n`);
  expect(result.failed).toEqual([]);
  expect(result.problem).toBeUndefined();
  expect(result.compared).toBeGreaterThan(atLeast);
});

interface Case {
  hyper_parameters: Record<string, unknown>;
}

/** A case whose description says something else. */
function spoilt(name: string, changes: object) {
  return inTemporaryFolder('svm-', async (folder) => {
    const json: Case = JSON.parse(readFileSync(join(fixtures, `${name}.json`), 'utf8'));
    Object.assign(json.hyper_parameters, changes);
    writeFileSync(join(folder, `${name}.json`), JSON.stringify(json));
    copyFileSync(join(fixtures, `${name}.safetensors`), join(folder, `${name}.safetensors`));
    return run(folder, name);
  });
}

it.each([
  ['another class weight', { class_weight: { '1': 3.6, '-1': 1 } }, /FAIL .* at converged/],
  ['another intercept', { intercept_scaling: 1.9 }, /FAIL .* at converged/],
  ['one fold less', { folds: 4 }, /FAIL .* at/],
  ['a plain hinge', { loss: 'hinge' }, /hyper_parameters.*loss/],
  ['an option that is not known', { shuffle: true }, /unsupported: hyper_parameters\.shuffle/],
])('%s fails by name', async (_, changes, message) => {
  const result = await spoilt('svm_five_folds', changes);
  expect(result.pass).toBe(false);
  expect(lineOf(result)).toMatch(message);
});
