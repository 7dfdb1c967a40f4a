import { expect, test } from 'vitest';
import { fuzz } from './fuzz.ts';
import { TARGETS } from './target.ts';

const SEED = 1_000_000; // other files than the normal suite's

test.each(TARGETS)('100,000 files of %s end in a value or a UserError', async (name) => {
  const { faults, tally } = await fuzz(name, SEED, 100_000);
  expect(faults).toEqual([]);
  expect(tally.files).toBeGreaterThanOrEqual(100_000);
});
