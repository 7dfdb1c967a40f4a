import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { agree, normal } from '../../testing/agree.ts';
import { differentiate, floats } from '../../testing/evaluate.ts';
import { startEngine } from '../index.ts';
import { type Tensor, type Tensor4D, tf } from '../tf.ts';
import { avgPool, globalAvgPool, maxPool } from './pooling.ts';

beforeAll(startEngine);

const few = fc.integer({ min: 1, max: 4 });
const side = fc.integer({ min: 1, max: 11 });

const windows = fc.record({
  n: few,
  height: side,
  width: side,
  channels: few,
  size: fc.integer({ min: 1, max: 5 }),
  stride: fc.integer({ min: 1, max: 5 }),
  pad: fc.integer({ min: 0, max: 2 }),
});

it('max and average pooling over shapes, windows, strides and paddings', async () => {
  const holds = fc.asyncProperty(windows, async (c) => {
    const { n, height, width, channels, size, stride, pad } = c;
    const padding = Math.min(pad, Math.floor(size / 2)); // as in PyTorch, every window meets a pixel
    const over = [height, width].map((pixels) => pixels + 2 * padding - size);
    fc.pre(over.every((rest) => rest >= 0));
    const variables = { x: normal('x', n, height, width, channels) };
    const shape = [n, ...over.map((rest) => Math.floor(rest / stride) + 1), channels];
    const edge: [number, number] = [padding, padding];
    const window = { size, stride, padding };
    await agree({
      variables,
      shape,
      ours: ({ x }) => maxPool(x as Tensor, window),
      theirs: ({ x }) => tf.maxPool(x as Tensor4D, size, stride, padding, 'floor'),
    });
    await agree({
      variables,
      shape,
      ours: ({ x }) => avgPool(x as Tensor, window),
      theirs: ({ x }) =>
        tf.avgPool(tf.pad(x as Tensor4D, [[0, 0], edge, edge, [0, 0]]), size, stride, 'valid'),
    });
  });
  await fc.assert(holds, { seed: 1, numRuns: 30 });
});

it('mean over all pixels over shapes', async () => {
  const holds = fc.asyncProperty(few, side, side, few, async (n, height, width, channels) => {
    await agree({
      variables: { x: normal('x', n, height, width, channels) },
      shape: [n, channels],
      ours: ({ x }) => globalAvgPool(x as Tensor),
      theirs: ({ x }) => tf.mean(x as Tensor, [1, 2]),
    });
  });
  await fc.assert(holds, { seed: 2, numRuns: 10 });
});

it('of equal maxima the first one takes the gradient', async () => {
  const holds = fc.asyncProperty(side, side, async (height, width) => {
    fc.pre(height >= 2 && width >= 2);
    const one = {
      variables: { x: floats([1, height, width, 1], new Array(height * width).fill(-7)) },
    };
    const apply = ({ x }: { readonly x?: Tensor }) =>
      maxPool(x as Tensor, { size: 2, stride: 2, padding: 0 });
    const upstream = normal('upstream', 1, Math.floor(height / 2), Math.floor(width / 2), 1);
    const found = await differentiate({ ...one, apply }, upstream);
    const expected = new Float32Array(height * width);
    upstream.data.forEach((dy, k) => {
      const columns = Math.floor(width / 2);
      expected[2 * Math.floor(k / columns) * width + 2 * (k % columns)] = Number(dy);
    });
    expect(found['grad.x']?.data).toEqual(expected);
  });
  await fc.assert(holds, { seed: 3, numRuns: 8 });
});
