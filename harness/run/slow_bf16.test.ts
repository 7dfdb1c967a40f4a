import { expect, test } from 'vitest';
import { startEngine } from '../engine/index.ts';
import { fingerprint } from '../engine/native/fingerprint.ts';
import { bf16Times, hasFastBf16, slowBf16, slowBf16Text } from './slow_bf16.ts';

await startEngine();

test.each([
  [['avx512f', 'avx512_bf16'], undefined, true],
  [['avx512f', 'amx_bf16'], 'default', true],
  [['avx512_bf16'], 'AVX512_CORE_BF16', true],
  [['avx512_bf16', 'amx_bf16'], 'AVX512_CORE_AMX', true],
  [['avx512_bf16'], 'AVX512_CORE', false],
  [['avx512_bf16'], 'AVX512_CORE_VNNI', false],
  [['avx2', 'avx512f', 'avx512_vnni'], undefined, false],
  [[], undefined, false],
])('%j under %s: %s', (features, limit, fast) => {
  expect(hasFastBf16(features, limit)).toBe(fast);
});

test('the quickest round of each precision decides, whatever another one took', () => {
  const slow = slowBf16Text({ fp32: [1.4, 9, 1.5], bf16: [40, 2.3, 2.4] });
  expect(slow).toMatch(
    /^precision: bf16 takes 1\.64 times as long as fp32 here .* no instructions/,
  );
  expect(slowBf16Text({ fp32: [1.4], bf16: [2.3] }, 'AVX512_CORE')).toContain(
    'ONEDNN_MAX_CPU_ISA=AVX512_CORE leaves',
  );
  expect(slowBf16Text({ fp32: [1, 1, 1], bf16: [0.9, 6, 9] })).toBeUndefined();
  expect(slowBf16Text({ fp32: [1], bf16: [1] })).toBeUndefined();
});

test('fp32 is nothing to warn of, nor bf16 where the CPU has it', async () => {
  expect(await slowBf16('fp32')).toBeUndefined();
  if (hasFastBf16(fingerprint().features, undefined))
    expect(await slowBf16('bf16')).toBeUndefined();
});

test('each precision is timed as often', async () => {
  const { fp32, bf16 } = await bf16Times(2);
  expect([fp32.length, bf16.length]).toEqual([2, 2]);
  for (const seconds of [...fp32, ...bf16]) expect(seconds).toBeGreaterThan(0);
});
