import { expect, it } from 'vitest';
import {
  type DetectionCase,
  detectionCaseName,
  detectionMarkdown,
  gainOf,
} from './detection_speed.ts';

const one: DetectionCase = {
  ...{ size: 480, batch: 2, precision: 'fp32', mask: true, inference: false, target: 1.05 },
  pairs: [
    { ours: 100, torch: 150 },
    { ours: 200, torch: 220 },
    { ours: 100, torch: 120 },
  ],
  peak_mb: { ours: 5120, torch: 6144 },
  regions: { ours: 1024, torch: 1024 },
  start: { operations: 9000, open_s: 4, first_s: 20.4 },
};
const page = (own: DetectionCase) =>
  detectionMarkdown({
    date: '2026-11-30',
    machine: { cpu: 'Some CPU', cores: 2 },
    torch: '2.15.0',
    cases: [own],
  });

it('compares turns that followed each other', () => {
  expect(gainOf(one)).toEqual({ median: 1.2, low: 1.1, high: 1.5 });
  expect(page(one)).toContain('1.20 (1.10–1.50) | 1.05 met');
  expect(page({ ...one, target: 1.25 })).toContain('1.25 missed');
  expect(page(one)).toContain('9000 ops, 4.0 + 20.4');
});

it('names a case by what is done, the precision and masks', () => {
  expect(detectionCaseName(one)).toBe('training fp32, masks');
  const found = { ...one, mask: false, inference: true };
  expect(detectionCaseName(found)).toBe('inference fp32');
});
