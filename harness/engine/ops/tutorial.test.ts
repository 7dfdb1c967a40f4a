import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

const text = read('docs/adding_an_op.md');
const blocks = [...text.matchAll(/```ts\n(.*?)```/gs)].map(([, code = '']) => code);
/** The blocks of code of the text with the file that each is said to be in. */
const placed = [...text.matchAll(/^In `([^`]+)`[^\n]*:\n\n```ts\n(.*?)```/gms)].map(
  ([, file = '', code = '']) => [file, code] as const,
);

describe('docs/adding_an_op.md', () => {
  it.each(placed)('shows what stands in %s', (file, code) => {
    expect(read(file)).toContain(code);
    const count = (brace: string) => code.split(brace).length;
    expect(count('{')).toBe(count('}')); // a piece cut short is contained as well
  });

  it('says of every block where it stands', () => {
    expect(placed.map(([, code]) => code)).toEqual(blocks);
    expect(blocks.length).toBeGreaterThanOrEqual(5);
  });

  it('names files that there are', () => {
    const files = [...text.matchAll(/`((?:harness|golden)\/[\w/.]+\.ts)`/g)];
    expect(files.length).toBeGreaterThan(5);
    for (const [, file = ''] of files) expect(() => read(file), file).not.toThrow();
  });
});
