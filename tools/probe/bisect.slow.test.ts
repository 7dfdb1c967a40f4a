import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tiny } from '../../golden/tiny.ts';
import type { Bisection } from './bisect.ts';
import { bisectionText } from './bisect_text.ts';

const SCRIPT = fileURLToPath(new URL('../../scripts/probe.mjs', import.meta.url));

/** Runs the script. @returns its exit code, the object that it printed, stderr */
function probe(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  return new Promise<{ code: number; found: Bisection; stderr: string }>((done) => {
    const env = { ...process.env, ...environment };
    execFile(process.execPath, [SCRIPT, '--json', ...args], { env }, (error, stdout, stderr) => {
      const code = typeof error?.code === 'number' ? error.code : 0;
      done({ code, found: JSON.parse(stdout || '{}'), stderr });
    });
  });
}

const wide = /\bavx512f\b/.test(readFileSync('/proc/cpuinfo', 'utf8'));

const folder = mkdtempSync(join(tmpdir(), 'bisect-'));
const experiment = join(folder, 'tiny.json');
const file = join(folder, 'here.json');
beforeAll(async () => {
  writeFileSync(experiment, JSON.stringify(tiny));
  expect((await probe(['--bisect', experiment, '--save', file])).code).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true }));

test('a machine agrees with itself, on any number of threads', async () => {
  const { code, found } = await probe([
    ...['--bisect', experiment, '--against', file, '--threads', '1'],
  ]);
  expect(code).toBe(0);
  expect(found).toMatchObject({ differ: 0, inputs: [], state: [], first: [] });
  expect(found.ops).toBeGreaterThan(500);
  expect(bisectionText(found)).toContain('make the same bits');
});

test.runIf(wide)('two instruction sets part at kernels of the step', async () => {
  const avx2 = { ONEDNN_MAX_CPU_ISA: 'AVX2' };
  const { code, found } = await probe(['--bisect', experiment, '--against', file], avx2);
  expect(code).toBe(1);
  expect(found.inputs).toEqual([]);
  expect(found.first.length).toBeGreaterThan(0);
  // Everything else is downstream of these, or exact.
  for (const { type, op } of found.first) {
    expect(type).toMatch(/^(Conv2D.*|MatMul|BatchMatMulV2|AvgPool.*|Softmax)$/);
    expect(op).toMatch(/^\w+\((float32 \[[\d, ]+\]|int32 \[\d\]|, )+\) -> float32 \[[\d, ]+\]/);
  }
  expect(found.state.length).toBeGreaterThan(0);
  expect(found.here.numerics.fp32).not.toBe(found.there.numerics.fp32);
});

test('what cannot be compared is refused', async () => {
  expect((await probe(['--bisect', experiment])).stderr).toContain('--save FILE on one machine');
  const { code, stderr } = await probe([
    ...['--bisect', experiment, '--against', file, '--set', 'seed=7'],
  ]);
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/its experiment is \w{12}, here it is \w{12}; save it again/);
});

test('where the ids agree, what differs is said to be missing from the probe', () => {
  const side = { cpu: 'some', numerics: { fp32: 'a', bf16: undefined } };
  const op = { node: 'step/MatMul_1', type: 'MatMul', op: 'MatMul(…)', where: 'at x:1' };
  const found = { experiment: '', here: side, there: side, ops: 9, differ: 2, inputs: [] };
  const text = bisectionText({ ...found, first: [op], state: [] });
  expect(text).toContain('the probe lacks these');
  const fused = bisectionText({ ...found, differ: 0, first: [], state: ['a', 'b'] });
  expect(fused).toContain('leaves another a and 1 more');
});
