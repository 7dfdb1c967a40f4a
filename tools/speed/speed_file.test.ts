import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { caseName, type SpeedCase } from '../../reports/speed.ts';
import { speedCases } from './cases.ts';
import { machine } from './machine.ts';
import { readSpeedFile, withCase, writeSpeedFile } from './speed_file.ts';

const folder = mkdtempSync(join(tmpdir(), 'speed-'));
afterAll(() => rmSync(folder, { recursive: true }));

const here = { date: '2026-01-02', machine: machine() };
const elsewhere = { date: '2026-01-01', machine: { ...machine(), cores: 1000 } };
const cases = await speedCases();

function measured(name: string, images: number): SpeedCase {
  const found = cases.find(({ shape }) => caseName(shape) === name);
  if (found === undefined) throw new Error(name);
  const run = {
    framework: 'side',
    version: '1',
    threads: 2,
    step_ms: 1,
    images_per_second: images,
    peak_rss_mb: 1,
  };
  return { ...found.shape, pairs: [{ ours: run, torch: run }] };
}

test('a case takes the place of an older one, in the order of all cases', () => {
  let { report } = readSpeedFile(folder, here);
  for (const [name, images] of [
    ['npid step 18/32/64 fp32', 1],
    ['moco step 18/32/64 fp32', 2],
    ['npid step 18/32/64 fp32', 3],
  ] as const)
    report = withCase(report, measured(name, images), cases);
  const found = report.cases.map((one) => [caseName(one), one.pairs[0]?.ours.images_per_second]);
  expect(found).toEqual([
    ['moco step 18/32/64 fp32', 2],
    ['npid step 18/32/64 fp32', 3],
  ]);
});

test('a file keeps what was measured elsewhere, and what was measured here before', async () => {
  const first = readSpeedFile(folder, elsewhere);
  const one = withCase(first.report, measured('moco step 18/32/64 fp32', 1), cases);
  await writeSpeedFile(folder, { ...first, report: one });
  const second = readSpeedFile(folder, { ...here, peak: { fp32: 1, bf16: 2 } });
  const other = withCase(second.report, measured('odc step 18/32/64 bf16', 1), cases);
  await writeSpeedFile(folder, { ...second, report: other });
  const third = readSpeedFile(folder, { ...here, date: '2026-01-03' });
  expect(third.others.map(({ date }) => date)).toEqual(['2026-01-01']);
  expect(third.report).toMatchObject({ date: '2026-01-03', peak: { fp32: 1, bf16: 2 } });
  expect(third.report.cases.map(caseName)).toEqual(['odc step 18/32/64 bf16']);
  const page = readFileSync(join(folder, 'speed.md'), 'utf8');
  expect(page).toContain('moco step 18/32/64 fp32');
  expect(page).toContain('odc step 18/32/64 bf16');
});
