import { beforeAll, expect, it } from 'vitest';
import { evaluate, floats } from '../../testing/evaluate.ts';
import { hostArray } from '../array.ts';
import { startEngine } from '../index.ts';
import { lastOfEach } from './indexing.ts';

beforeAll(startEngine);

it('gives rows that go to the same place the value of the last of them', async () => {
  const at = hostArray('int32', [5], Int32Array.of(7, 3, 7, 0, 3));
  const values = floats([5, 2], [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
  const { y } = await evaluate({ at, values }, (x) => {
    if (!x.at || !x.values) throw new Error('an input is missing');
    return { y: lastOfEach(x.at, x.values) };
  });
  expect([...(y?.data ?? [])]).toEqual([3, 3, 5, 5, 3, 3, 4, 4, 5, 5]);
});
