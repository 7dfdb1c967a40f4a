import { expect } from 'vitest';
import { inTemporaryFolder } from '../harness/base/index.ts';
import type { Chains } from './processes.child.ts';
import { inProcesses } from './processes.ts';
import { smallOnes } from './processes_cases.ts';

/** The end of the records' chains: every metric and the hash of the whole state of every epoch, bit by bit. */
export function chains(processes: number, experiments: readonly object[]): Promise<Chains> {
  return inTemporaryFolder('processes', (folder) =>
    inProcesses(processes, { experiments, folder }),
  );
}

/** Trains every method on one process and on each of `counts`, and holds their chains against each other. */
export async function sameBits(
  changes: object,
  replicas: number,
  counts: readonly number[],
): Promise<void> {
  const ones = smallOnes(replicas, changes);
  const experiments = [...ones.values()];
  const named = (all: Chains) => [...ones.keys()].map((name, i) => `${name} ${all[i]}`);
  const whole = named(await chains(1, experiments));
  expect(whole.every((one) => /^\w+ [0-9a-f]{64}$/.test(one))).toBe(true);
  for (const count of counts)
    expect(named(await chains(count, experiments)), `${count} processes`).toEqual(whole);
}
