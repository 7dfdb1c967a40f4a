import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');

/** The blocks of code in the text. */
const blocks = [...read('../docs/adding_a_method.md').matchAll(/```ts\n(.*?)```/gs)].map(
  ([, code = '']) => code,
);

describe('docs/adding_a_method.md', () => {
  it('builds the shipped method, in under 80 lines', () => {
    const [spec = '', method = ''] = blocks;
    const shipped = read('barlow_twins.ts');
    expect(`${spec}\n${method}`).toBe(shipped);
    const lines = shipped.trimEnd().split('\n').length;
    expect(lines).toBeLessThan(80);
    expect(read('../docs/adding_a_method.md')).toContain(`${lines} lines`);
    expect(read('../README.md')).toContain(`in ${lines} lines`);
  });

  it('writes the shipped recipe', () => {
    const recipe = blocks.find((code) => code.includes("name: 'barlow-twins'")) ?? '';
    const values = recipe.slice(recipe.indexOf('const projector'));
    expect(values).not.toBe('');
    expect(read('barlow_twins.recipes.ts')).toContain(values);
  });

  it('times the shipped step', () => {
    const timed = blocks.filter((code) => code.includes('export const speed'));
    expect(timed).toHaveLength(1);
    for (const code of timed) expect(read('barlow_twins.recipes.ts')).toContain(code);
  });

  it('adds the line that the list has', () => {
    const [line, ...more] = blocks.filter((code) => code.includes('await import'));
    expect(more).toEqual([]);
    expect(line?.trim().split('\n').length).toBe(1);
    expect(read('index.ts')).toContain(line);
  });
});
