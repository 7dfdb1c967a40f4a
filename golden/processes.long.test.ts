import { describe, expect, it } from 'vitest';
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

async function same(changes: object, replicas: number, counts: readonly number[]): Promise<void> {
  const ones = smallOnes(replicas, changes);
  const experiments = [...ones.values()];
  const named = (all: Chains) => [...ones.keys()].map((name, i) => `${name} ${all[i]}`);
  const whole = named(await chains(1, experiments));
  expect(whole.every((one) => /^\w+ [0-9a-f]{64}$/.test(one))).toBe(true);
  for (const count of counts)
    expect(named(await chains(count, experiments)), `${count} processes`).toEqual(whole);
}

describe('every method has the same bits on any number of processes', () => {
  it('eight replicas in fp32 on 1, 2, 4 and 8', () => same({}, 8, [2, 4, 8]), 3_600_000);
  it(
    'four replicas in bf16 on 1, 2 and 4',
    () => same({ precision: 'bf16' }, 4, [2, 4]),
    3_600_000,
  );
  // Blocks of three replicas are no parts of the tree over six, so more than one sum of each travels.
  it('six replicas on 1, 2 and 3', () => same({ batch: 2, accumulate: 1 }, 6, [2, 3]), 3_600_000);
  it('and a run goes on from one to two and to four', async () => {
    const experiments = [...smallOnes(4, { epochs: 3 }).values()];
    const whole = await chains(1, experiments);
    await inTemporaryFolder('processes', async (folder) => {
      await inProcesses(1, { experiments, folder, stopAfterEpoch: 1 });
      await inProcesses(2, { experiments, folder, stopAfterEpoch: 2 });
      expect(await inProcesses(4, { experiments, folder })).toEqual(whole);
    });
  }, 3_600_000);
});
