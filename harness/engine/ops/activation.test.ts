import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { normal } from '../../testing/agree.ts';
import { differentiate, evaluate, floats } from '../../testing/evaluate.ts';
import { hostArray } from '../array.ts';
import { startEngine } from '../index.ts';
import type { Precision } from '../precision.ts';
import type { Tensor } from '../tf.ts';
import { dropoutMask, masked, uniform } from './activation.ts';

beforeAll(startEngine);

type Key = readonly [number, number];

/** As the dropout layer does it. */
function dropout(x: Tensor, rate: number, key: Tensor): Tensor {
  return masked(x, dropoutMask(uniform(x.shape, key), rate));
}

const keys = fc.tuple(fc.integer(), fc.integer());

/** Dropout of `x`, and the gradient for `upstream`. */
async function dropped(
  shape: readonly number[],
  rate: number,
  key: Key,
  precision: Precision = 'fp32',
) {
  const x = normal('x', ...shape);
  const upstream = normal('upstream', ...shape);
  const constants = { key: hostArray('int32', [2], Int32Array.from(key)) };
  const apply = ({ x, key }: Readonly<Record<string, Tensor>>) =>
    dropout(x as Tensor, rate, key as Tensor);
  const found = await differentiate({ variables: { x }, constants, apply }, upstream, {
    precision,
  });
  const list = (array: { readonly data: ArrayLike<number | bigint> } | undefined) =>
    Array.from(array?.data ?? [], (value) => Number(value) + 0); // -0 is 0
  return {
    x: list(x),
    upstream: list(upstream),
    y: list(found.y),
    slope: list(found['grad.x']),
  };
}

it('keeps or zeroes, scales what it keeps, and lets the gradient through the same mask', async () => {
  const shapes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 });
  const rates = fc.double({ min: 0, max: 0.95, noNaN: true });
  const holds = fc.asyncProperty(shapes, rates, keys, async (shape, rate, key) => {
    const { x, upstream, y, slope } = await dropped(shape, rate, key);
    const scale = Math.fround(1 / (1 - rate));
    const mask = y.map((value) => (value === 0 ? 0 : scale));
    const times = (values: readonly number[]) =>
      mask.map((m, k) => Math.fround(m * (values[k] ?? 0)) + 0);
    expect(y).toEqual(times(x));
    expect(slope).toEqual(times(upstream));
    if (rate === 0) expect(y).toEqual(x);
  });
  await fc.assert(holds, { seed: 1, numRuns: 25 });
});

it('keeps the share that it should, everywhere alike', async () => {
  const [count, parts] = [120_000, 8];
  for (const rate of [0.1, 0.5, 0.9]) {
    const { y } = await dropped([count], rate, [3, 4]);
    const kept = y.map((value) => (value === 0 ? 0 : 1));
    for (let part = 0; part < parts; part++) {
      const piece = kept.slice((part * count) / parts, ((part + 1) * count) / parts);
      const share = piece.reduce<number>((a, b) => a + b, 0) / piece.length;
      const deviation = Math.sqrt((rate * (1 - rate)) / piece.length);
      expect(Math.abs(share - (1 - rate))).toBeLessThan(5 * deviation);
    }
  }
});

it('the key names the mask', async () => {
  const holds = fc.asyncProperty(keys, keys, async (one, other) => {
    fc.pre(String(one) !== String(other));
    const mask = async (key: Key) =>
      (await dropped([4000], 0.5, key)).y.map((value) => value !== 0);
    const [first, again, second] = [await mask(one), await mask(one), await mask(other)];
    expect(again).toEqual(first);
    const alike = first.filter((kept, k) => kept === second[k]).length;
    expect(Math.abs(alike - 2000)).toBeLessThan(5 * Math.sqrt(1000));
  });
  await fc.assert(holds, { seed: 2, numRuns: 8 });
});

it('draws the same bits in any precision, and everywhere', async () => {
  const key = hostArray('int32', [2], Int32Array.of(1, 2));
  const draw = async (precision: Precision) =>
    (await evaluate({ key }, ({ key }) => ({ y: uniform([6], key as Tensor) }), { precision })).y;
  const draws = await draw('fp32');
  expect(await draw('bf16')).toEqual(draws);
  expect([...(draws?.data ?? [])]).toMatchInlineSnapshot(`
    [
      0.8440604209899902,
      0.19204533100128174,
      0.9962232112884521,
      0.16038739681243896,
      0.27199018001556396,
      0.6493459939956665,
    ]
  `);
});

it('refuses rates outside [0, 1)', async () => {
  const x = floats([1], [1]);
  for (const rate of [1, -0.1, Number.NaN, 2])
    await expect(
      evaluate({ x }, ({ x }) => ({ y: dropoutMask(x as Tensor, rate) })),
    ).rejects.toThrow(`dropout: rate ${rate} is not in [0, 1)`);
});
