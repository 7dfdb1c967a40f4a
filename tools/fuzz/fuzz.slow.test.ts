import { expect, test } from 'vitest';
import { fuzz } from './fuzz.ts';
import { TARGETS } from './target.ts';

const SEED = 22;

test.each(TARGETS)('500 files of %s end in a value or a UserError', async (name) => {
  const { faults, tally } = await fuzz(name, SEED, 500);
  expect(faults).toEqual([]);
  expect(tally.files).toBeGreaterThanOrEqual(500);
  // Neither all refused at the door nor all taken: the files reach what is to be tried.
  expect(tally.taken / tally.files).toBeGreaterThan(0.01);
  expect(tally.taken / tally.files).toBeLessThan(0.95);
});
