import { expect, it } from 'vitest';
import { parity, verdicts } from './parity.processes.ts';

// A rank of a single sample, ranks above 9, batches that differ from rank to rank and from step to step, replicas whose
// blocks are no branch of the tree.
it('ranks shared by three processes agree with the reference', async () => {
  const names = ['memory_ranks_unequal', 'simclr_ranks3', 'sync_bn_ranks12', 'sync_bn_unequal'];
  const { code, out, err } = await parity(3, names);
  expect(verdicts(out), err).toEqual([...names.map((name) => `PASS ${name}`), '4 passed,', '']);
  expect(code).toBe(0);
});

it('cases of one rank are run by one process, and others need a count that divides theirs', async () => {
  const { code, out, err } = await parity(2, ['byol_momentum', 'sync_bn_unequal']);
  expect(out, err).toContain('PASS byol_momentum');
  expect(out).toContain(
    'FAIL sync_bn_unequal --processes 2: the experiment has 3 replicas, which processes share evenly; use 1, 3',
  );
  expect(code).toBe(1);
});
