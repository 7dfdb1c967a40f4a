import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type CpuReport, cpuMarkdown, cpuReport } from './cpu_properties.ts';

const report: CpuReport = {
  date: '2026-11-29',
  machine: { cpu: 'Some CPU', cores: 2 },
  library: 'e'.repeat(64),
  reference: 'Zen 5',
  groups: [
    {
      name: 'native',
      rows: [
        { property: 'L1 32K', compared: 9, differing: ['stage 3 forward fp32'] },
        { property: 'L3 105M', compared: 9, differing: [] },
      ],
    },
  ],
};

it('counts results by kind and names them where they are few', () => {
  const page = cpuMarkdown(report);
  expect(page).toMatch(/\| native +\| L1 32K +\| +1 of 9 \| +1 \| +0 \| +0 \|/);
  expect(page).toMatch(/\| native +\| L3 105M +\| +0 of 9 \|/);
  expect(page).toContain('- native, L1 32K: stage 3 forward fp32.');
});

it('the page that is kept is that of its numbers', () => {
  const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');
  const kept = cpuReport.parse(JSON.parse(read('cpu_properties.json')));
  expect(read('cpu_properties.md')).toBe(cpuMarkdown(kept));
  // What `numerics: portable` promises.
  const portable = kept.groups.find(({ name }) => name === 'portable');
  expect(portable?.rows.length).toBeGreaterThan(3);
  for (const { differing } of portable?.rows ?? []) expect(differing).toEqual([]);
});
