import { expect, test } from 'vitest';
import { CPUS, otherCpu } from './other_cpu.ts';
import { surveyOn } from './survey.ts';

const here = otherCpu({}) !== undefined;

const OTHERS = [
  CPUS['Zen 2 or 3 (AVX2, 32K, 512K)'],
  CPUS['Zen 4 (32K, 1M)'],
  CPUS['Sapphire Rapids (48K, 2M)'],
];

/** How many different results there are. */
const distinct = (results: readonly unknown[]) =>
  new Set(results.map((r) => JSON.stringify(r))).size;

// States of a whole run: portable.long.test.ts.

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
