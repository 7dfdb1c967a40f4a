import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { fillNormal, stream } from '../../random/stream.ts';
import {
  type Differentiable,
  differentiate,
  floats,
  onJavaScript,
} from '../../testing/evaluate.ts';
import { startEngine } from '../index.ts';
import { type Tensor, type Tensor2D, type Tensor4D, tf } from '../tf.ts';
import { relu } from './activation.ts';
import { conv2d } from './convolution.ts';
import { linear } from './linear.ts';
import { l2Normalize } from './normalization.ts';

beforeAll(startEngine);

/** Shares of the largest value between two float32 implementations. */
const BOUND = 2e-5;

function normal(name: string, ...shape: number[]) {
  const count = shape.reduce((a, b) => a * b, 1);
  return floats(shape, fillNormal(stream(1, name, ...shape), new Float32Array(count), 1));
}

/** Value and gradients by the engine and by tfjs's own JavaScript kernels. */
async function agree(
  variables: Differentiable['variables'],
  shape: readonly number[],
  ours: Differentiable['apply'],
  theirs: Differentiable['apply'],
): Promise<void> {
  const upstream = normal('upstream', ...shape);
  const found = await differentiate({ variables, apply: ours }, upstream);
  const expected = onJavaScript({ variables, apply: theirs }, upstream);
  for (const [name, { data }] of Object.entries(expected)) {
    const want = Array.from(data as Float32Array);
    const got = Array.from((found[name]?.data ?? []) as Float32Array);
    const largest = Math.max(1e-3, ...want.map(Math.abs));
    const gaps = want.map((x, k) => Math.abs(x - (got[k] ?? Number.NaN)));
    expect(Math.max(...gaps) / largest, name).toBeLessThan(BOUND);
  }
}

const small = fc.integer({ min: 1, max: 5 });

it('conv2d over shapes, strides and paddings', async () => {
  const shapes = fc.record({
    ...{ n: small, inputs: small, outputs: small },
    height: fc.integer({ min: 3, max: 12 }),
    width: fc.integer({ min: 3, max: 12 }),
    size: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 3 }),
    padding: fc.integer({ min: 0, max: 2 }),
  });
  const holds = fc.asyncProperty(shapes, async (c) => {
    const { n, height, width, inputs, outputs, size, stride, padding } = c;
    const side = (pixels: number) => Math.floor((pixels + 2 * padding - size) / stride) + 1;
    const edge: [number, number] = [padding, padding];
    await agree(
      { x: normal('x', n, height, width, inputs), w: normal('w', size, size, inputs, outputs) },
      [n, side(height), side(width), outputs],
      ({ x, w }) => conv2d(x as Tensor, w as Tensor, { stride, padding }),
      ({ x, w }) =>
        tf.conv2d(
          tf.pad(x as Tensor4D, [[0, 0], edge, edge, [0, 0]]),
          w as Tensor4D,
          stride,
          'valid',
        ),
    );
  });
  await fc.assert(holds, { seed: 1, numRuns: 40 });
});

it('linear, ReLU and L2 normalisation over shapes', async () => {
  const holds = fc.asyncProperty(small, small, small, async (n, inputs, outputs) => {
    await agree(
      { x: normal('x', n, inputs), w: normal('w', outputs, inputs), b: normal('b', outputs) },
      [n, outputs],
      ({ x, w, b }) => relu(l2Normalize(linear(x as Tensor, w as Tensor, b))),
      ({ x, w, b }) => {
        const y = tf.add(tf.matMul(x as Tensor2D, w as Tensor2D, false, true), b as Tensor);
        const length = tf.sqrt(tf.sum(tf.square(y), -1, true));
        return tf.relu(tf.div(y, tf.maximum(length, tf.scalar(1e-12))));
      },
    );
  });
  await fc.assert(holds, { seed: 2, numRuns: 5 });
});
