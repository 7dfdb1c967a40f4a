import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { provision } from '../../harness/engine/library/index.ts';
import { otherCpu } from './other_cpu.ts';
import { cpuidPlaces, Places } from './places.ts';
import { surveyOn } from './survey.ts';

const here = otherCpu({}) !== undefined;
const task = { precisions: ['fp32'], only: '3x3/2 512-512 @14' } as const;

test('the list of instructions is that of the library', async () => {
  const { framework, sha256 } = await provision();
  const listed = Places.parse(
    JSON.parse(readFileSync(new URL('places.json', import.meta.url), 'utf8')),
  );
  expect(listed.build).toBe(sha256);
  const found = cpuidPlaces(framework).map((place) => place.toString(16));
  expect(listed.places['libtensorflow_framework.so.2']).toEqual(found);
});

test.skipIf(!here)('a process that is told the truth computes as without the trap', async () => {
  expect(await surveyOn(task, { cpu: {} })).toEqual(await surveyOn(task));
});

test.skipIf(!here)('a CPU without AVX-512 computes as oneDNN does under that limit', async () => {
  const environment = { ONEDNN_MAX_CPU_ISA: 'AVX2' };
  expect(await surveyOn(task, { cpu: { hide: 'avx512' } })).toEqual(
    await surveyOn(task, { environment }),
  );
});

// Holds the tests above to account: what is answered reaches the kernels.
test.skipIf(!here || !readFileSync('/proc/cpuinfo', 'utf8').includes('avx512f'))(
  'another second-level cache, or no AVX-512: other bits',
  async () => {
    const sized = (l2: number) => surveyOn(task, { cpu: { l2 } });
    const [small, large] = [await sized(512), await sized(1024)];
    const [name = ''] = Object.keys(large).filter((key) => key.includes('forward'));
    expect(small[name]).not.toBe(large[name]);
    const without = await surveyOn(task, { cpu: { hide: 'avx512' } });
    expect(without).not.toEqual(large);
  },
);
