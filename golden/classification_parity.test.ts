import { expect, it } from 'vitest';
import { lineOf, runParity } from '../harness/testing/parity/run.ts';
import { sharedPath } from '../harness/testing/shared.ts';
import { parityCases } from './parity_cases.ts';

const fixtures = sharedPath('parity');

it.skipIf(fixtures === undefined).each([
  ['relative_loc', 200],
  ['rotation_pred', 200],
  ['semi_r50', 400],
  ['linear_frozen', 100],
  ['multi_pooling', 20],
])('agrees with the reference: %s', async (name, atLeast) => {
  for await (const result of runParity(fixtures ?? '', parityCases, [name])) {
    process.stdout.write(`${lineOf(result)}\n`);
    expect(result.failed).toEqual([]);
    expect(result.problem).toBeUndefined();
    expect(result.compared).toBeGreaterThan(atLeast);
  }
});
