import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { tiny } from '../../golden/tiny.ts';
import { inTemporaryFolder } from '../../harness/base/index.ts';
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

test('two instruction sets part at kernels of the step; a machine agrees with itself', () =>
  inTemporaryFolder('bisect', async (folder) => {
    const experiment = join(folder, 'tiny.json');
    const file = join(folder, 'here.json');
    writeFileSync(experiment, JSON.stringify(tiny));
    expect((await probe(['--bisect', experiment, '--save', file])).code).toBe(0);
    const itself = await probe(['--bisect', experiment, '--against', file, '--threads', '1']);
    expect(itself).toMatchObject({
      code: 0,
      found: { differ: 0, inputs: [], state: [], first: [] },
    });
    expect(itself.found.ops).toBeGreaterThan(500);
    expect(bisectionText(itself.found)).toContain('make the same bits');

    const refused = await probe(['--bisect', experiment, '--against', file, '--set', 'seed=7']);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/its experiment is \w{12}, here it is \w{12}; save it again/);
    expect((await probe(['--bisect', experiment])).stderr).toContain('--save FILE on one machine');

    const avx2 = { ONEDNN_MAX_CPU_ISA: 'AVX2' };
    const { code, found } = await probe(['--bisect', experiment, '--against', file], avx2);
    if (!wide) return;
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
  }));

test('where the ids agree, what differs is said to be missing from the probe', () => {
  const side = { cpu: 'some', numerics: { fp32: 'a', bf16: undefined } };
  const op = { node: 'step/MatMul_1', type: 'MatMul', op: 'MatMul(…)', where: 'at x:1' };
  const found = { experiment: '', here: side, there: side, ops: 9, differ: 2, inputs: [] };
  const text = bisectionText({ ...found, first: [op], state: [] });
  expect(text).toContain('the probe lacks these');
  const fused = bisectionText({ ...found, differ: 0, first: [], state: ['a', 'b'] });
  expect(fused).toContain('leaves another a and 1 more');
});
