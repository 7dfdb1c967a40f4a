import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mutationMarkdown, mutationReport } from './mutations.ts';

const part = { date: '2026-11-30', commit: '0123456789abcdef', platform: '54c54f172101' };
const mutated = { experiment: 'moco', file: 'a.ts', what: 'no queue' };

it('has what was not noticed first, and each experiment with its day', () => {
  const page = mutationMarkdown({
    moco: { ...part, results: [{ ...mutated, caught: 'loss of epoch 1' }, mutated] },
    byol: {
      ...part,
      date: '2026-11-29',
      results: [{ ...mutated, experiment: 'byol', failure: 'it crashed' }],
    },
  });
  expect(page).toContain('**1 of 3 were noticed.**');
  expect(page).toMatch(/\| byol +\| 0 of 1 +\| 2026-11-29 \| 0123456789ab \| 54c54f172101 \|/);
  const rows = page.split('\n').filter((line) => line.includes('`a.ts`'));
  expect(rows.map((row) => row.replace(/ +/g, ' '))).toEqual([
    '| byol | `a.ts` | no queue | **it crashed** |',
    '| moco | `a.ts` | no queue | **not noticed** |',
    '| moco | `a.ts` | no queue | loss of epoch 1 |',
  ]);
});

it('the page that is shipped is that of the results that are shipped', () => {
  const shipped = (name: string) => readFileSync(join(import.meta.dirname, name), 'utf8');
  const report = mutationReport.parse(JSON.parse(shipped('mutations.json')));
  expect(mutationMarkdown(report)).toBe(shipped('MUTATIONS.md'));
});
