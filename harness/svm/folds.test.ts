import { fileURLToPath } from 'node:url';
import { expect, it, test } from 'vitest';
import { readSafetensors } from '../weights/safetensors.ts';
import { stratifiedFolds } from './folds.ts';

const fixture = fileURLToPath(new URL('../../golden/svm/precision.safetensors', import.meta.url));
const { tensors } = readSafetensors(fixture);
const numbers = (name: string) => Array.from(tensors.get(name)?.data ?? [], Number);
const sets = [...tensors.keys()].flatMap((name) => /^(folds\d+)\.labels$/.exec(name)?.[1] ?? []);

it.each(sets)('deals out as StratifiedKFold does: %s', (set) => {
  const [count = 0] = numbers(`${set}.count`);
  expect([...stratifiedFolds(numbers(`${set}.labels`), count)]).toEqual(numbers(`${set}.folds`));
});

test('more folds than any class has samples are refused', () => {
  expect(() => stratifiedFolds([1, -1, -1], 3)).toThrow(
    'folds: 3 folds of 3 samples, of which no class has 3; use fewer folds',
  );
});
