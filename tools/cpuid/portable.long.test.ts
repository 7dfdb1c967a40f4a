import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { inProcess } from '../../golden/determinism.processes.ts';
import { CPUS, otherCpu } from './other_cpu.ts';

const avx512 = readFileSync('/proc/cpuinfo', 'utf8').includes('avx512f');
const here = otherCpu({}) !== undefined;

test.skipIf(!here)(
  'portable: the same state after steps of MoCo on every CPU; native: not',
  async () => {
    const task = { options: {}, steps: 2, precisions: ['fp32'] } as const;
    const without = ({ fingerprint: _, ...hashes }: Awaited<ReturnType<typeof inProcess>>) =>
      hashes;
    const old = otherCpu(CPUS['Zen 2 or 3 (AVX2, 32K, 512K)']);
    const intel = otherCpu(CPUS['Sapphire Rapids (48K, 2M)']);
    const on = async (numerics: 'native' | 'portable', environment = old) =>
      without(await inProcess({ ...task, numerics }, environment));
    const portable = await on('portable');
    expect(await on('portable', intel)).toEqual(portable);
    // Whatever a shell says of instruction sets is overruled.
    const shell = { ...intel, ONEDNN_MAX_CPU_ISA: 'AVX512_CORE', XLA_FLAGS: '' };
    expect(await on('portable', shell)).toEqual(portable);
    if (avx512) expect(await on('native', intel)).not.toEqual(portable);
  },
  900_000,
);
