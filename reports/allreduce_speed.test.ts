import { expect, it } from 'vitest';
import { type AllReduceReport, allReduceMarkdown, summariseAllReduce } from './allreduce_speed.ts';

const runs = (way: string, ...seconds: number[]) =>
  seconds.map((of) => ({ way, seconds: of, cpu: of / 2 }));
const report: AllReduceReport = {
  date: '2026-11-29',
  machine: { cpu: 'Some CPU', cores: 2 },
  depth: 50,
  tensors: 161,
  values: 25_000_000,
  bucket: 1024,
  cases: [
    {
      processes: 2,
      runs: [
        ...runs('ring, one tensor', 0.4, 0.2, 0.3),
        ...runs('ring, buckets', 0.2, 0.25, 0.2),
        ...runs('fixed order', 0.24, 0.2, 0.3),
      ],
    },
  ],
};

it('holds ours against the faster ring', () => {
  const [two] = summariseAllReduce(report);
  expect(two?.ratio).toBeCloseTo(1.2, 10);
  expect(two?.cpuRatio).toBeCloseTo(1.2, 10);
  expect(two?.met).toBe(false);
  const page = allReduceMarkdown(report);
  expect(page).toContain(
    '|         2 | fixed order      |       240 (200–300) |  417 |          120 |',
  );
  expect(page).toContain("**1.20** of the faster ring's time (at most 1.15: missed)");
});
