import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { optimizerCases } from '../testing/parity/optimizers.ts';
import { lineOf, runParity } from '../testing/parity/run.ts';

const fixtures = join(fileURLToPath(import.meta.url), '..', '..', '..', 'golden', 'parity');

it.each([
  'sgd',
  'sgd_plain',
  'sgd_dampening',
  'sgd_nesterov',
  'lars',
  'lars_dampening',
  'lars_nesterov',
  'adam',
  'adamw',
  'lr_schedules',
  'lr_policies',
])('agrees with the reference: %s', async (name) => {
  for await (const result of runParity(fixtures, optimizerCases, [name])) {
    process.stdout.write(`${lineOf(result)}\n`);
    expect(result.failed).toEqual([]);
    expect(result.problem).toBeUndefined();
    expect(result.compared).toBeGreaterThan(3);
  }
});
