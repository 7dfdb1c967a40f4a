import { beforeAll, describe, expect, it } from 'vitest';
import { inTemporaryFolder } from '../harness/base/index.ts';
import type { Chains } from './processes.child.ts';
import { inProcesses } from './processes.ts';
import { smallOnes } from './processes_cases.ts';

/** The end of the records' chains: every metric and the hash of the whole state of every epoch, bit by bit. */
function chains(processes: number, experiments: readonly object[]): Promise<Chains> {
  return inTemporaryFolder('processes', (folder) =>
    inProcesses(processes, { experiments, folder }),
  );
}

describe('four replicas of every method', () => {
  const ones = smallOnes(4);
  const experiments = [...ones.values()];
  let whole: Chains;
  let parted: Chains;
  beforeAll(async () => {
    whole = await chains(1, experiments);
    parted = await chains(2, experiments);
  }, 400_000);

  it.each([...ones.keys()].map((name, i) => [name, i] as const))(
    '%s: two processes have the bits of one',
    (_, i) => {
      expect(whole[i]).toMatch(/^[0-9a-f]{64}$/);
      expect(parted[i]).toBe(whole[i]);
    },
  );
});

describe('a run goes on with another number of processes', () => {
  it('from two to one, and from one to two', async () => {
    const [moco, , , , , odc] = smallOnes(2).values();
    const experiments = [moco ?? {}, odc ?? {}];
    const whole = await chains(1, experiments);
    for (const [before, after] of [
      [2, 1],
      [1, 2],
    ] as const)
      await inTemporaryFolder('processes', async (folder) => {
        await inProcesses(before, { experiments, folder, stopAfterEpoch: 1 });
        expect(await inProcesses(after, { experiments, folder })).toEqual(whole);
      });
  }, 400_000);
});
