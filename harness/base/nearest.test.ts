import fc from 'fast-check';
import { expect, test } from 'vitest';
import { editDistance, nearest } from './nearest.ts';

test.each([
  ['kitten', 'sitting', 3],
  ['', 'abc', 3],
  ['abcd', 'abdc', 1],
  ['same', 'same', 0],
])('%s to %s takes %i', (from, to, distance) => expect(editDistance(from, to)).toBe(distance));

test('is a distance', () => {
  const word = fc.string({ maxLength: 8 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, b) === 0).toBe(a === b);
      expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
    }),
    { seed: 1 },
  );
});

test('finds what was meant and nothing far', () => {
  const keys = ['temperature', 'queue', 'momentum', 'lr', 'work_dir'];
  expect(nearest('temprature', keys)).toBe('temperature');
  expect(nearest('work-dir', keys)).toBe('work_dir');
  expect(nearest('LR', keys)).toBe('lr');
  expect(nearest('lt', keys)).toBe('lr');
  expect(nearest('epochs', keys)).toBeUndefined();
  expect(nearest('x', [])).toBeUndefined();
});
