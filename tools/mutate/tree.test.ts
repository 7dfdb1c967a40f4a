import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { withMutation } from './tree.ts';

const tree = mkdtempSync(join(tmpdir(), 'tree-'));
const file = 'code.ts';
const text = () => readFileSync(join(tree, file), 'utf8');
beforeEach(() => writeFileSync(join(tree, file), 'a + b - b'));
afterAll(() => rmSync(tree, { recursive: true }));

test('a mutation is there while the body runs, and gone when it fails', async () => {
  const mutation = { what: 'subtracts', file, find: 'a +', replace: "$' a -" };
  expect(await withMutation(tree, mutation, async () => text())).toBe("$' a - b - b");
  expect(text()).toBe('a + b - b');
  const failing = withMutation(tree, mutation, () => Promise.reject(new Error('no')));
  await expect(failing).rejects.toThrow('no');
  expect(text()).toBe('a + b - b');
});

test('text that is not there exactly once is no place', async () => {
  const mutation = { what: 'renames', file, find: 'b', replace: 'c' };
  await expect(withMutation(tree, mutation, async () => text())).rejects.toThrow(
    'renames: the text is 2 times in code.ts, expected once',
  );
  expect(text()).toBe('a + b - b');
});
