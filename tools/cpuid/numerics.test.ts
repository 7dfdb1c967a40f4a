import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { inProcess } from '../../harness/engine/numerics/ids.processes.ts';
import { type OtherCpu, otherCpu } from './other_cpu.ts';

const wide = readFileSync('/proc/cpuinfo', 'utf8').includes('avx512f');
const testable = wide && otherCpu({}) !== undefined;

async function idsOn(cpu: OtherCpu) {
  const [ids] = (await inProcess({}, otherCpu(cpu))).found;
  return ids;
}

// Some kernels of oneDNN's block by the sizes of caches; none asks who made the CPU.
test.skipIf(!testable)('ids tell caches apart, and not vendors', async () => {
  const sized = { l1: 48, l2: 1024, smt: 1 };
  const amd = await idsOn({ ...sized, vendor: 'AuthenticAMD', family: 26, model: 2 });
  const intel = await idsOn({ ...sized, vendor: 'GenuineIntel', family: 6, model: 207 });
  expect(intel).toEqual(amd);
  const small = await idsOn({ ...sized, l1: 32 });
  expect(small?.fp32).not.toBe(amd?.fp32);
  const narrow = await idsOn({ ...sized, l2: 512 });
  expect(new Set([narrow?.fp32, small?.fp32, amd?.fp32]).size).toBe(3);
});
