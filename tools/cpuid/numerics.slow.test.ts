import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { inTemporaryFolder } from '../../harness/base/index.ts';
import { inProcess } from '../../harness/engine/numerics/ids.processes.ts';
import { type OtherCpu, otherCpu } from './other_cpu.ts';

const wide = readFileSync('/proc/cpuinfo', 'utf8').includes('avx512f');
const testable = wide && otherCpu({}) !== undefined;

async function idsOn(cpu: OtherCpu, environment: Readonly<Record<string, string>> = {}) {
  const [ids] = (await inProcess({}, { ...otherCpu(cpu), ...environment })).found;
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

// moco ends with another state on each of the three, and with the same one for both first caches.
test.skipIf(!testable)('under AVX2 ids tell second caches apart, and not first ones', async () => {
  const all: (string | undefined)[] = [];
  for (const l2 of [512, 1024, 2048])
    all.push((await idsOn({ ...AMD, l2 }, { ONEDNN_MAX_CPU_ISA: 'AVX2' }))?.fp32);
  expect(new Set(all).size).toBe(3);
  const smaller = await idsOn({ ...AMD, l1: 32 }, { ONEDNN_MAX_CPU_ISA: 'AVX2' });
  expect(smaller?.fp32).toBe(all[1]);
});

test.skipIf(!testable)('what is remembered of one CPU is not taken for another one', () =>
  inTemporaryFolder('cpuid', async (cache) => {
    const on = async (l1: number) => (await inProcess({ cache }, otherCpu({ l1 }))).found[0];
    expect(await on(32)).not.toEqual(await on(48));
  }),
);
