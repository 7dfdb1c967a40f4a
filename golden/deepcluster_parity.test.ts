import { expect, it } from 'vitest';
import { lineOf, runParity } from '../harness/testing/parity/run.ts';
import { sharedPath } from '../harness/testing/shared.ts';
import { parityCases } from './parity_cases.ts';

const fixtures = sharedPath('parity');

it.skipIf(fixtures === undefined).each([
  ['deepcluster', 200],
  ['deepcluster_features', 4],
  ['sobel', 4],
])('agrees with the reference: %s', async (name, atLeast) => {
  for await (const result of runParity(fixtures ?? '', parityCases, [name])) {
    process.stdout.write(`${lineOf(result)}\n`);
    expect(result.failed).toEqual([]);
    expect(result.problem).toBeUndefined();
    expect(result.compared).toBeGreaterThan(atLeast);
  }
});
