import { expect, it } from 'vitest';
import {
  crossover,
  efficiency,
  efficiencyPage,
  sentBytes,
  volumesOf,
} from './scaling_efficiency.ts';
import type { ScalingCase } from './scaling_speed.ts';

const side = (name: string, sent_bytes: number) => {
  return {
    name,
    replicas: 2,
    step_ms: [100],
    peak_mb: 1,
    gradient_bytes: 100e6,
    sent_bytes,
    messages: 1,
    row_bytes: sent_bytes > 0 ? 2e6 : 0,
  };
};
const one: ScalingCase = {
  method: 'moco',
  precision: 'fp32',
  depth: 50,
  size: 224,
  batch: 16,
  replicas: 2,
  target: 1.8,
  sides: [side('one', 0), side('two', 110e6), side('both', 0)],
};

it('tells gradients from what goes to every process', () => {
  const volumes = volumesOf(one);
  expect(volumes).toEqual({ gradients: 100e6, toEach: 8e6, rows: 4e6 });
  expect(sentBytes(volumes, 1)).toBe(0);
  expect(sentBytes(volumes, 2)).toBe(110e6); // what was measured
  expect(sentBytes(volumes, 8)).toBe(175e6 + 3.5e6 + 56e6);
  expect(crossover(volumes)).toBe(26);
});

it('lies between all travel shown and all hidden', () => {
  expect(efficiency(1, 1e9, 1e9)).toEqual({ shown: 0.5, hidden: 1 });
  expect(efficiency(1, 4e9, 1e9)).toEqual({ shown: 0.2, hidden: 0.25 });
});

it('computes its table', () => {
  const machine = { cpu: 'Some CPU', cores: 2 };
  const page = efficiencyPage({ date: '2026-11-29', machine, cases: [one] });
  // 16 images at 1852.5 a second are 8.637 ms; 234.5 MB at 12.5 GB/s 18.8 ms.
  expect(page).toContain('|       8 |            235 | 32 %–46 % |');
  expect(page).toContain('from 26 devices on');
});
