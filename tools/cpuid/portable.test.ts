import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { inProcess } from '../../golden/determinism.processes.ts';
import { CPUS, otherCpu } from './other_cpu.ts';
import { surveyOn } from './survey.ts';

const avx512 = readFileSync('/proc/cpuinfo', 'utf8').includes('avx512f');
const here = otherCpu({}) !== undefined;

const OTHERS = [
  CPUS['Zen 2 or 3 (AVX2, 32K, 512K)'],
  CPUS['Zen 4 (32K, 1M)'],
  CPUS['Sapphire Rapids (48K, 2M)'],
];

/** How many different results there are. */
const distinct = (results: readonly unknown[]) =>
  new Set(results.map((r) => JSON.stringify(r))).size;

// The products whose bits follow the second cache even with AVX2 alone (docs/determinism.md).
const ONLY = { precisions: ['fp32'], only: 'shortcut 1x1/2' } as const;

test.skipIf(!here)(
  'portable: the same bits of layers on every CPU; AVX2 alone is not enough',
  async () => {
    const portable = [];
    const limited = [];
    const environment = { ONEDNN_MAX_CPU_ISA: 'AVX2' };
    for (const cpu of OTHERS) {
      portable.push(await surveyOn({ ...ONLY, numerics: 'portable' }, { cpu }));
      limited.push(await surveyOn(ONLY, { cpu, environment }));
    }
    expect(distinct(portable)).toBe(1);
    expect(distinct(limited)).toBe(3);
  },
  900_000,
);

test.skipIf(!here)(
  'portable: the same state after steps of MoCo on every CPU; native: not',
  async () => {
    const task = { options: {}, steps: 2, precisions: ['fp32'] } as const;
    const without = ({ fingerprint: _, ...hashes }: Awaited<ReturnType<typeof inProcess>>) =>
      hashes;
    const [old, , intel] = OTHERS.map((cpu) => otherCpu(cpu));
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
