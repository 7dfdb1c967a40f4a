import { expect, it } from 'vitest';
import { inTemporaryFolder } from '../harness/base/index.ts';
import { inProcesses } from './processes.ts';
import { smallOnes } from './processes_cases.ts';

/**
 * Of four replicas: moco shuffles images and keys, simclr has gradients through a gather and sync batch norm, odc works
 * between steps with features of all images. All methods, more processes and bf16: `processes.long.test.ts`.
 */
const FEW = ['moco', 'simclr', 'odc'];

it('two processes have the bits of one, and a run goes on from two to one and back', async () => {
  const all = smallOnes(4);
  const experiments = FEW.map((name) => all.get(name) ?? {});
  await inTemporaryFolder('one', (one) =>
    inTemporaryFolder('two', async (two) => {
      const whole = await inProcesses(1, { experiments, folder: one, stopAfterEpoch: 1 });
      expect(await inProcesses(2, { experiments, folder: two, stopAfterEpoch: 1 })).toEqual(whole);
      // Each goes on as what the other was.
      const parted = await inProcesses(2, { experiments, folder: one });
      expect(await inProcesses(1, { experiments, folder: two })).toEqual(parted);
      expect(parted).not.toEqual(whole);
      expect(new Set(parted).size).toBe(FEW.length);
    }),
  );
}, 400_000);
