import { expect, it } from 'vitest';
import { cocoMarkdown, cocoReport, summariseCoco } from './coco_speed.ts';

const stats = [0.5, ...Array(11).fill(0.25)];
const run = { version: '1', memoryMiB: 300, stats };
const report = cocoReport.parse({
  date: '2026-11-29',
  machine: { cpu: 'a cpu', cores: 2 },
  images: 5000,
  detections: 100,
  kinds: [
    {
      kind: 'masks',
      ours: [
        { ...run, seconds: 2, cpu: 4 },
        { ...run, seconds: 4, cpu: 5 },
      ],
      pycocotools: [
        { ...run, seconds: 8, cpu: 8, stats: [0.5 + 1e-12, ...stats.slice(1)] },
        { ...run, seconds: 24, cpu: 20 },
      ],
    },
  ],
});

it('takes ratios round by round, their median, and the largest difference', () => {
  const [first] = summariseCoco(report);
  expect(first).toMatchObject({ kind: 'masks', wall: 5, cpu: 3 });
  expect(first?.apart).toBeCloseTo(1e-12, 15);
});

it('says what was measured', () => {
  const page = cocoMarkdown(report);
  expect(page).toContain('masks: pycocotools takes 5.0 times our time, and 3.0 times our CPU time');
  expect(page).toContain('5000 drawn images with 100 detections each');
});
