import { expect, test } from 'vitest';
import { wholeNumbers } from './whole_numbers.ts';

test('whole numbers below a limit, in their order', () => {
  expect(wholeNumbers('--index', ['3', '0'], 4)).toEqual([3, 0]);
});

test.each(['4', '-1', '1.5', '', ' ', 'x'])('"%s" is refused', (text) => {
  expect(() => wholeNumbers('--index', [text], 4)).toThrow(
    `--index: found "${text}", expected a whole number below 4`,
  );
});
