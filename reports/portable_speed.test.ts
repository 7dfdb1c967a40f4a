import { expect, it } from 'vitest';
import { costOf, type PortableReport, portableMarkdown } from './portable_speed.ts';

const pairs = [
  { native: 100, portable: 150 },
  { native: 200, portable: 220 },
  { native: 100, portable: 120 },
];
const one = { method: 'moco', depth: 18, size: 32, batch: 64, pairs };
const report: PortableReport = {
  date: '2026-11-29',
  machine: { cpu: 'Some CPU', cores: 2 },
  cases: [one],
};

it('compares turns that followed each other', () => {
  expect(costOf(one)).toEqual({ median: 1.2, low: 1.1, high: 1.5 });
  expect(portableMarkdown(report)).toContain(
    '| moco 18/32/64 |     3 |      100.0 |        150.0 |  1.20 (1.10–1.50) |',
  );
});
