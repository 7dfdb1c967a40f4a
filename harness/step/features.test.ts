import { beforeAll, expect, it } from 'vitest';
import { startEngine } from '../engine/index.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import { stream } from '../random/stream.ts';
import { evaluate, floats } from '../testing/evaluate.ts';
import { normalised } from './features.ts';

beforeAll(startEngine);

/** torchvision's for ImageNet. */
const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

it.each([8, 64, 225])('images %i pixels wide are normalised by channel', async (width) => {
  const draws = stream(1, 'pixels');
  const pixels = Float32Array.from({ length: 2 * 5 * width * 3 }, () => draws.int(0, 255));
  const { y, plain } = await evaluate({ x: floats([2, 5, width, 3], pixels) }, ({ x }) => ({
    y: normalised(x as Tensor, MEAN, STD),
    plain: tf.sub(
      tf.mul(x as Tensor, tf.tensor1d(STD.map((s) => 1 / (255 * s)))),
      tf.tensor1d(MEAN.map((m, c) => m / (STD[c] ?? 1))),
    ),
  }));
  expect(y?.shape).toEqual([2, 5, width, 3]);
  expect(y?.data).toEqual(plain?.data);
  const expected = Array.from(pixels, (p, i) => (p / 255 - (MEAN[i % 3] ?? 0)) / (STD[i % 3] ?? 1));
  Array.from(y?.data ?? [], Number).forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 5);
  });
});
