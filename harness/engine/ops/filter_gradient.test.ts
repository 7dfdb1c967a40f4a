import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { signs } from '../../testing/agree.ts';
import { evaluate } from '../../testing/evaluate.ts';
import { startEngine } from '../index.ts';
import { op1 } from '../op.ts';
import { toCompute, toFloat } from '../precision.ts';
import { type Tensor, tf } from '../tf.ts';
import { crossProduct, productSlope } from './filter_gradient.ts';

beforeAll(startEngine);

const few = fc.integer({ min: 1, max: 4 });
const edge = fc.integer({ min: 0, max: 2 });
const cases = fc.record({
  n: few,
  inputs: few,
  outputs: few,
  kh: few,
  kw: few,
  h: few,
  w: few,
  stride: fc.integer({ min: 1, max: 3 }),
  edges: fc.tuple(edge, edge, edge, edge),
  precision: fc.constantFrom('fp32' as const, 'bf16' as const),
});

it('the product gives what the kernel of the filter gradient gives', async () => {
  const property = async (c: typeof cases extends fc.Arbitrary<infer T> ? T : never) => {
    const { n, inputs, outputs, kh, kw, h, w, stride, edges, precision } = c;
    const [height, width] = [stride * (h - 1) + kh, stride * (w - 1) + kw];
    const [top, bottom, left, right] = edges;
    fc.pre(height > top + bottom && width > left + right);
    const image = signs('image', [n, height - top - bottom, width - left - right, inputs]);
    const dy = signs('dy', [n, h, w, outputs]);
    const taps = [kh, kw, inputs, outputs];
    const build = (tensors: Readonly<Record<string, Tensor>>) => {
      const [x, slope] = [toCompute(tensors.image as Tensor), toCompute(tensors.dy as Tensor)];
      const sides = tf.tensor2d([0, 0, ...edges, 0, 0], [4, 2], 'int32');
      const attrs = { strides: [1, stride, stride, 1], padding: 'VALID', data_format: 'NHWC' };
      const size = tf.tensor1d(taps, 'int32');
      const padded = op1('Pad', [x, sides]);
      return {
        product: toFloat(productSlope(x, slope, taps, { stride, edges })),
        kernel: toFloat(op1('Conv2DBackpropFilter', [padded, size, slope], attrs)),
      };
    };
    const { product, kernel } = await evaluate({ image, dy }, build, { precision });
    expect(product?.data).toEqual(kernel?.data);
  };
  // oneDNN's kernel of a strided 1x1 filter writes past its memory.
  const safe = cases.filter(({ kh, kw, stride }) => stride === 1 || kh * kw > 1);
  await fc.assert(fc.asyncProperty(safe, property), { seed: 1, numRuns: 60 });
});

it.each([
  { pixels: 1100, inputs: 6, outputs: 3 }, // turned around in float32
  { pixels: 1100, inputs: 3, outputs: 6 },
  { pixels: 100, inputs: 6, outputs: 3 },
])("a product of $pixels pixels, $inputs to $outputs channels is x' dy", async (size) => {
  const { pixels, inputs, outputs } = size;
  const x = signs('x', [pixels, inputs]);
  const dy = signs('dy', [pixels, outputs]);
  const expected = Array.from({ length: inputs * outputs }, (_, place) => {
    const [c, o] = [Math.floor(place / outputs), place % outputs];
    return Array.from({ length: pixels }, (_, i) => i).reduce(
      (sum, i) => sum + Number(x.data[i * inputs + c]) * Number(dy.data[i * outputs + o]),
      0,
    );
  });
  const build = (tensors: Readonly<Record<string, Tensor>>) => ({
    product: crossProduct(tensors.x as Tensor, tensors.dy as Tensor),
  });
  const { product } = await evaluate({ x, dy }, build);
  expect(product?.shape).toEqual([inputs, outputs]);
  expect([...(product?.data ?? [])]).toEqual(expected);
});
