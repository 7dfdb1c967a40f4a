import { expect, test } from 'vitest';
import { CPUS, otherCpu } from './other_cpu.ts';
import { surveyOn } from './survey.ts';

const here = otherCpu({}) !== undefined;
// The layers whose bits were found to follow caches, natively or with AVX2 (docs/determinism.md).
const LAYERS = ['shortcut 1x1/2', 'middle, strided 3x3/2'];

const others = Object.entries(CPUS);

async function found(numerics: 'native' | 'portable', cpu: (typeof CPUS)[keyof typeof CPUS]) {
  const parts = LAYERS.map((only) => surveyOn({ precisions: ['fp32'], only, numerics }, { cpu }));
  return Object.assign({}, ...(await Promise.all(parts)));
}

test.skipIf(!here)(
  'portable: the same bits on every CPU; native: not',
  async () => {
    const native = new Set<string>();
    const portable = new Set<string>();
    for (const [, cpu] of others) {
      native.add(JSON.stringify(await found('native', cpu)));
      portable.add(JSON.stringify(await found('portable', cpu)));
    }
    expect(portable.size).toBe(1);
    expect(native.size).toBeGreaterThan(1);
  },
  600_000,
);
