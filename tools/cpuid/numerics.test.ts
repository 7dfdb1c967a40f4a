import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { inTemporaryFolder } from '../../harness/base/index.ts';
import { inProcess } from '../../harness/engine/numerics/ids.processes.ts';
import { type OtherCpu, otherCpu } from './other_cpu.ts';

const wide = readFileSync('/proc/cpuinfo', 'utf8').includes('avx512f');
const testable = wide && otherCpu({}) !== undefined;

async function idsOn(cpu: OtherCpu) {
  const [ids] = (await inProcess({}, otherCpu(cpu))).found;
  return ids;
}

const SIZED = { l1: 48, l2: 1024, smt: 1 } as const;
const AMD = { ...SIZED, vendor: 'AuthenticAMD', family: 26, model: 2 } as const;

// Some kernels of oneDNN's block by the sizes of caches; none asks who made the CPU.
test.skipIf(!testable)('ids do not tell vendors apart', async () => {
  const intel = { ...SIZED, vendor: 'GenuineIntel', family: 6, model: 207 } as const;
  expect(await idsOn(intel)).toEqual(await idsOn(AMD));
});

test.skipIf(!testable)('ids tell caches apart', async () => {
  const all = [];
  for (const cpu of [AMD, { ...AMD, l1: 32 }, { ...AMD, l2: 512 }]) all.push(await idsOn(cpu));
  expect(new Set(all.map((ids) => ids?.fp32)).size).toBe(3);
});

test.skipIf(!testable)('what is remembered of one CPU is not taken for another one', () =>
  inTemporaryFolder('cpuid', async (cache) => {
    const on = async (l1: number) => (await inProcess({ cache }, otherCpu({ l1 }))).found[0];
    expect(await on(32)).not.toEqual(await on(48));
  }),
);
