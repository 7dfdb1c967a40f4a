import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import type { Hashes } from './determinism.child.ts';
import { inProcess } from './determinism.processes.ts';

const STEPS = 3;

/** Everything that users leave in a shell and that libtensorflow would listen to. */
const HOSTILE = {
  TF_ENABLE_ONEDNN_OPTS: '0',
  TF_DETERMINISTIC_OPS: '0',
  TF_NUM_INTRAOP_THREADS: '1',
  TF_NUM_INTEROP_THREADS: '7',
  TF_OVERRIDE_GLOBAL_THREADPOOL: '1',
  TF_DISABLE_MKL: '1',
  TF_XLA_FLAGS: '--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit',
  TF_AUTO_MIXED_PRECISION_GRAPH_REWRITE_LEVEL: 'UNSAFE_FORCE_ALL',
  ONEDNN_DEFAULT_FPMATH_MODE: 'BF16',
  DNNL_DEFAULT_FPMATH_MODE: 'BF16',
  ONEDNN_PRIMITIVE_CACHE_CAPACITY: '0',
  DNNL_MAX_CPU_ISA: 'SSE41',
  OMP_NUM_THREADS: '3',
  MKL_NUM_THREADS: '3',
} as const;

let reference: Hashes;
beforeAll(async () => {
  reference = await inProcess({ options: {}, steps: STEPS });
});

test('one core, one op at a time: the same bits', async () => {
  const found = await inProcess({ options: { intraThreads: 1, interThreads: 1 }, steps: STEPS });
  expect(found).toEqual(reference);
});

test('more ops side by side and a hostile environment: the same bits', async () => {
  const options = { intraThreads: 3, interThreads: 4 };
  expect(await inProcess({ options, steps: STEPS }, HOSTILE)).toEqual(reference);
});

// Holds the tests above to account: without fixed lanes, threads do decide bits.
test('another cut of the work: other bits, the same ones on any number of cores', async () => {
  const found = await inProcess({ options: {}, lanes: 4, steps: 0 });
  const differing = Object.keys(found).filter((key) => found[key] !== reference[key]);
  expect(differing).toContain('batch_norm fp32');
  expect(differing).toContain('batch_norm bf16');
  expect(found.fingerprint).not.toBe(reference.fingerprint);
  const options = { intraThreads: 1 };
  expect(await inProcess({ options, lanes: 4, steps: 0 })).toEqual(found);
});

test('a limit on instruction sets: another fingerprint, other bits, and no bf16', async () => {
  const limit = { ONEDNN_MAX_CPU_ISA: 'AVX2' };
  const found = await inProcess({ options: {}, steps: 0, precisions: ['fp32'] }, limit);
  expect(found.fingerprint).not.toBe(reference.fingerprint);
  if (readFileSync('/proc/cpuinfo', 'utf8').includes('avx512f'))
    expect(found['conv2d fp32']).not.toBe(reference['conv2d fp32']);
  await expect(inProcess({ options: {}, steps: 0, precisions: ['bf16'] }, limit)).rejects.toThrow(
    /ONEDNN_MAX_CPU_ISA=AVX2 .* bf16/,
  );
});
