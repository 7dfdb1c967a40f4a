import { expect, it } from 'vitest';
import { parity, verdicts } from './parity.processes.ts';

it.each([
  [2, ['moco_ranks', 'simclr_ranks', 'sync_bn']],
  [4, ['simclr_ranks12_syncbn', 'sync_bn_ranks12']],
  [12, ['simclr_ranks12_syncbn', 'sync_bn_ranks12']],
])('ranks shared by %i processes agree with the reference: %j', async (processes, names) => {
  const { code, out, err } = await parity(processes, names);
  const passed = names.map((name) => `PASS ${name}`);
  expect(verdicts(out), err).toEqual([...passed, `${names.length} passed,`, '']);
  expect(code).toBe(0);
});
