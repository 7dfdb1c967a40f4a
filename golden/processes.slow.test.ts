import { expect, it } from 'vitest';
import { inTemporaryFolder } from '../harness/base/index.ts';
import { inProcesses } from './processes.ts';
import { smallOnes } from './processes_cases.ts';

/**
 * Of four replicas: simclr has gradients through a gather and sync batch norm. All methods, more processes and bf16:
 * `processes.long.test.ts`.
 */
const FEW = ['simclr'];

it('a run that two processes begin and one ends has the bits of one process', async () => {
  const all = smallOnes(4);
  const experiments = FEW.map((name) => all.get(name) ?? {});
  await inTemporaryFolder('one', (one) =>
    inTemporaryFolder('two', async (two) => {
      const whole = await inProcesses(1, { experiments, folder: one });
      const begun = await inProcesses(2, { experiments, folder: two, stopAfterEpoch: 1 });
      expect(await inProcesses(1, { experiments, folder: two })).toEqual(whole);
      expect(begun).not.toEqual(whole);
      expect(new Set(whole).size).toBe(FEW.length);
    }),
  );
}, 400_000);
