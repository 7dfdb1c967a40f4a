import { beforeAll, expect, it } from 'vitest';
import { evaluate, type Tensors } from '../../testing/evaluate.ts';
import { hostArray } from '../array.ts';
import { startEngine } from '../index.ts';
import type { Tensor } from '../tf.ts';
import { uniformIntegers } from './draws.ts';

beforeAll(startEngine);

const key = (a: number, b: number) => hostArray('int32', [2], Int32Array.of(a, b));

function need({ key: value }: Tensors): Tensor {
  if (value === undefined) throw new Error('the key is missing');
  return value;
}

/** Pearson's statistic of counts against shares. */
function chiSquare(drawn: Iterable<number | bigint>, shares: readonly number[]): number {
  const counts = shares.map(() => 0);
  let total = 0;
  for (const value of drawn) {
    counts[Number(value)] = (counts[Number(value)] ?? Number.NaN) + 1;
    total++;
  }
  return shares.reduce((sum, share, k) => {
    const expected = share * total;
    if (expected === 0) return (counts[k] ?? 0) > 0 ? Number.POSITIVE_INFINITY : sum;
    return sum + ((counts[k] ?? 0) - expected) ** 2 / expected;
  }, 0);
}

const drawsOf = async (k: ReturnType<typeof key>, count: number, size: number) => {
  const { y } = await evaluate({ key: k }, (x) => ({ y: uniformIntegers(need(x), [size], count) }));
  return y?.data ?? expect.unreachable();
};

it('draws integers uniformly, the same for the same key', async () => {
  const count = 50;
  const drawn = await drawsOf(key(3, 4), count, 100_000);
  // 49 degrees of freedom: 85.4 has a tail of 0.001
  expect(chiSquare(drawn, new Array(count).fill(1 / count))).toBeLessThan(85.4);
  expect(await drawsOf(key(3, 4), count, 100_000)).toEqual(drawn);
  expect(await drawsOf(key(3, 5), count, 100_000)).not.toEqual(drawn);
});

it('reaches both ends of a range beyond what a float32 holds', async () => {
  const count = 2 ** 31 - 1;
  const drawn = [...(await drawsOf(key(1, 1), count, 100_000))].map(Number);
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
  expect(Math.min(...drawn)).toBeLessThan(count / 5000);
  expect(Math.max(...drawn)).toBeGreaterThan(count * (1 - 1 / 5000));
  expect(new Set(drawn.map((x) => x % 2)).size).toBe(2);
});
