import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mutationSets } from './mutations/index.ts';

const root = new URL('..', import.meta.url);

// Running them takes minutes: scripts/mutate.mjs does. Here only that each still has its place.
describe('mutations', () => {
  const all = mutationSets.flatMap(({ mutations }) => mutations);

  it.each(all)('$file: $what', ({ file, find, replace }) => {
    const text = readFileSync(new URL(file, root), 'utf8');
    expect(text.split(find).length - 1, `"${find}"`).toBe(1);
    expect(replace).not.toBe(find);
  });

  it('have words of their own in each file', () => {
    const names = mutationSets.flatMap(({ experiment, mutations }) =>
      mutations.map(({ file, what }) => `${experiment} ${file} ${what}`),
    );
    expect(new Set(names).size).toBe(names.length);
  });
});
