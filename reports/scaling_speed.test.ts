import { expect, it } from 'vitest';
import { type ScalingCase, scalingMarkdown, summariseScaling } from './scaling_speed.ts';

const side = (name: string, replicas: number, ...step_ms: number[]) => {
  return {
    name,
    replicas,
    step_ms,
    peak_mb: 1000,
    gradient_bytes: 1e6,
    sent_bytes: 1e6,
    messages: 7,
    row_bytes: 0,
  };
};
const one: ScalingCase = {
  method: 'moco',
  precision: 'fp32',
  depth: 18,
  size: 32,
  batch: 64,
  replicas: 2,
  target: 1.4,
  sides: [
    side('1 process, 1 core', 1, 150, 160, 155),
    side('2 processes, 1 core each', 2, 200, 160, 250),
    side('1 process, 2 cores', 2, 150, 160, 155),
  ],
};

it('takes ratios turn by turn', () => {
  const { sides, met } = summariseScaling(one);
  expect(sides.map(({ times }) => times.median)).toEqual([1, 1.5, 2]);
  expect(sides[1]?.times).toEqual({ median: 1.5, low: 1.24, high: 2 });
  expect(sides[1]?.imagesPerSecond).toBeCloseTo(640, 10);
  expect(met).toBe(true);
  const page = scalingMarkdown({
    date: '2026-11-29',
    machine: { cpu: 'Some CPU', cores: 2 },
    cases: [one],
  });
  expect(page).toContain('**1.50** times what one takes with one core (at least 1.4: met)');
});
