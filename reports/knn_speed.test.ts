import { expect, it } from 'vitest';
import { knnMarkdown, knnReport, summariseKnn } from './knn_speed.ts';

const run = { version: '1', similarity: 0.25, first: 3 };
const report = knnReport.parse({
  date: '2026-11-29',
  machine: { cpu: 'a cpu', cores: 2 },
  references: 50000,
  queries: 10000,
  k: 200,
  threads: 2,
  searches: [
    {
      width: 512,
      ours: [
        { ...run, seconds: 2, cpu: 4 },
        { ...run, seconds: 4, cpu: 5 },
        { ...run, seconds: 1, cpu: 4 },
      ],
      torch: [
        { ...run, seconds: 3, cpu: 6 },
        { ...run, seconds: 4, cpu: 5 },
        { ...run, seconds: 3, cpu: 5 },
      ],
    },
  ],
});

it('takes ratios round by round, and their median', () => {
  expect(summariseKnn(report)).toEqual([{ width: 512, wall: 1.5, cpu: 1.25 }]);
});

it('says what was measured', () => {
  const page = knnMarkdown(report);
  expect(page).toContain(
    'width 512: PyTorch takes 1.50 times our time, and 1.25 times our CPU time',
  );
  expect(page).toContain('200 nearest of 50000 references for each of 10000 queries');
});
