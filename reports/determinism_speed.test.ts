import { describe, expect, it } from 'vitest';
import { kindOfPath, readJson, readText } from '../harness/base/index.ts';
import {
  type DeterminismCase,
  determinismMarkdown,
  determinismReport,
  summariseDeterminism,
} from './determinism_speed.ts';

const side = (...step_ms: number[]) => ({
  step_ms,
  cpu_ms: step_ms.map((ms) => 2 * ms),
  peak_mb: 900,
});
const one: DeterminismCase = {
  method: 'moco',
  precision: 'fp32',
  depth: 18,
  size: 32,
  batch: 64,
  replicas: 2,
  processes: 2,
  way: 'ring',
  without: ['tree', 'lanes'],
  ordered: side(100, 120, 110),
  free: side(100, 100, 88),
};

it('takes prices pair by pair', () => {
  const { price, cpuPrice, met } = summariseDeterminism(one, 1.07);
  expect(price).toEqual({ median: 1.2, low: 1, high: 1.25 });
  expect(cpuPrice).toEqual(price);
  expect(met).toBe(false);
  expect(summariseDeterminism(one, 1.2).met).toBe(true);
  const page = determinismMarkdown({
    date: '2026-11-29',
    machine: { cpu: 'Some CPU', cores: 2 },
    target: 1.07,
    cases: [one],
  });
  expect(page).toContain("tree, lanes; TensorFlow's ring");
  expect(page).toContain('**1.200** times the step without determinism (at most 1.07: missed)');
});

// There are none before a machine was at rest for them.
const NUMBERS = 'reports/determinism_speed.json';
describe.skipIf(kindOfPath(NUMBERS) === undefined)('the page', () => {
  it('is that of the numbers that are kept', () => {
    const kept = determinismReport.parse(readJson(NUMBERS, 'a report'));
    expect(readText('reports/determinism_speed.md')).toBe(determinismMarkdown(kept));
  });
});
