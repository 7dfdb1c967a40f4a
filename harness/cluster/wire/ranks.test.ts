import { expect, it } from 'vitest';
import { ranksText } from './ranks.ts';

it.each([
  [[3], 'rank 3'],
  [[0, 1], 'ranks 0 and 1'],
  [[0, 2, 5], 'ranks 0, 2 and 5'],
  [[0, 1, 2, 3], 'ranks 0 to 3'],
  [[0, 1, 2, 4, 5, 7], 'ranks 0 to 2, 4, 5 and 7'],
])('%j are %s', (ranks, text) => expect(ranksText(ranks)).toBe(text));
