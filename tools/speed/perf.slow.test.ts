import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, expect, test } from 'vitest';
import { timedRun } from '../../reports/speed.ts';
import { type PerfOptions, perf } from './perf.ts';
import { profile } from './profile.ts';

const folder = mkdtempSync(join(tmpdir(), 'perf-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const options: PerfOptions = {
  method: 'moco',
  depth: 18,
  size: 16,
  batch: 2,
  queue: 64,
  precision: 'fp32',
  threads: 0,
  inter: 0,
  lanes: 2,
  numerics: 'native',
  'small-stem': true,
  steps: 2,
  warmup: 1,
  files: undefined,
  turns: false,
  workers: undefined,
};
const silent = () => undefined;
const shown = {
  framework: 'reprise',
  device: 'cpu',
  depth: 18,
  size: 16,
  batch: 2,
  precision: 'fp32',
  steps: 2,
};

test('a step on noise is timed, with memories filled and with the work after it', async () => {
  const run = timedRun.parse(await perf({ ...options, method: 'odc' }, silent));
  const numbers = { samples: 50000, clusters: 100, least: 16 };
  expect(run).toMatchObject({ ...shown, method: 'odc', ...numbers });
  expect(run.session_ms).toBeLessThan(run.step_ms);
  expect(run.images_per_second).toBeCloseTo(2000 / run.step_ms, 0);
  expect(run).not.toHaveProperty('data_ms');
});

test('a loop takes files as often as it needs them', async () => {
  const pixels = Buffer.alloc(20 * 24 * 3, 77);
  const raw = { width: 20, height: 24, channels: 3 } as const;
  const names = ['a.jpg', 'b.jpg', 'c.jpg'].map((name) => join(folder, name));
  for (const name of names) await sharp(pixels, { raw }).jpeg().toFile(name);
  const files = join(folder, 'files.txt');
  writeFileSync(files, names.join('\n'));
  const run = timedRun.parse(await perf({ ...options, files, workers: 0 }, silent));
  expect(run).toMatchObject({ ...shown, method: 'moco' });
  expect(run.data_ms).toBeGreaterThan(0);
  await expect(perf({ ...options, files, method: 'byol' }, silent)).rejects.toThrow(
    '--files: found --method byol, expected moco',
  );
});

test('a profile shares the time of all kernels out, by op and by node', async () => {
  const { warmup, steps } = options;
  const of = (more: object) =>
    profile({ ...options, warmup, steps, nodes: 0, type: undefined, ...more });
  const { span, kernels, rows } = await of({});
  expect(span).toBeGreaterThan(0);
  expect(rows.reduce((sum, { ms }) => sum + ms, 0)).toBeCloseTo(kernels, 6);
  expect(rows.map(({ ms }) => ms)).toEqual(rows.map(({ ms }) => ms).sort((a, b) => b - a));
  expect(rows.find(({ name }) => name === 'Conv2D')?.count).toBeGreaterThan(10);
  const nodes = await of({ nodes: 3, type: 'Conv2D' });
  expect(nodes.rows).toHaveLength(3);
  for (const { name, where } of nodes.rows) {
    expect(name).toMatch(/^Conv2D step\//);
    expect(where).toMatch(/^at .*\.ts:\d+:\d+$/);
  }
});
