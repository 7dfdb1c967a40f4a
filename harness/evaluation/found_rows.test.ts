import { expect, test } from 'vitest';
import { rleOf } from '../metrics/rle.ts';
import { foundRows, rowsFound } from './found_rows.ts';

test('what was found comes back bit by bit, pictures without anything among it, masks or none', () => {
  const f = Math.fround;
  const plain = { class: 2, score: f(0.1), box: [f(1.3), 0, f(7.7), 9] as const };
  const masked = { ...plain, class: 0, mask: rleOf(3, 4, [5, 2, 5]) };
  const pictures = [[plain], [], [masked, plain], []];
  expect(rowsFound(foundRows(pictures))).toEqual(pictures);
  expect(rowsFound(foundRows([]))).toEqual([]);
});
