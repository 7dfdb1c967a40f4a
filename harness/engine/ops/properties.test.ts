import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { stream } from '../../random/stream.ts';
import { agree, normal } from '../../testing/agree.ts';
import { evaluate, floats } from '../../testing/evaluate.ts';
import { type HostArray, hostArray } from '../array.ts';
import { startEngine } from '../index.ts';
import { type Tensor, type Tensor2D, type Tensor4D, tf } from '../tf.ts';
import { relu } from './activation.ts';
import { conv2d } from './convolution.ts';
import { composed, crossEntropyBy, softmaxCrossEntropy } from './cross_entropy.ts';
import { rows } from './indexing.ts';
import { linear } from './linear.ts';
import { l2Normalize } from './normalization.ts';

beforeAll(startEngine);

const small = fc.integer({ min: 1, max: 5 });
const pixels = fc.integer({ min: 1, max: 12 });
const taps = fc.integer({ min: 1, max: 4 });

/** One row an index, 1 at its column of `columns`. */
function hot(indices: Tensor, columns: number): Tensor2D {
  const same = tf.equal(tf.expandDims(indices, 1), tf.range(0, columns, 1, 'int32'));
  return tf.cast(same, 'float32') as Tensor2D;
}

/** The matrix that sets `count` taps `dilation` apart: [dilation (count - 1) + 1, count]. */
function spread(count: number, dilation: number): Tensor2D {
  const places = tf.mul(tf.range(0, count, 1, 'int32'), tf.scalar(dilation, 'int32'));
  return tf.transpose(hot(places, dilation * (count - 1) + 1));
}

/** A filter with zeros between its taps, by matrix products: another way than the engine's. */
function dilated(filter: Tensor4D, dilation: number): Tensor4D {
  const [kh, kw, inputs, outputs] = filter.shape;
  const [tall, wide] = [spread(kh, dilation), spread(kw, dilation)];
  const rowsApart = tf.matMul(tall, tf.reshape(filter, [kh, -1]));
  const columnsFirst = tf.transpose(tf.reshape(rowsApart, [-1, kw, inputs * outputs]), [1, 0, 2]);
  const apart = tf.matMul(wide, tf.reshape(columnsFirst, [kw, -1]));
  const back = tf.transpose(tf.reshape(apart, [wide.shape[0], -1, inputs * outputs]), [1, 0, 2]);
  return tf.reshape(back, [tall.shape[0], wide.shape[0], inputs, outputs]);
}

const convolutions = fc.record({
  n: small,
  inputs: small,
  outputs: small,
  height: pixels,
  width: pixels,
  kh: taps,
  kw: taps,
  stride: fc.integer({ min: 1, max: 5 }),
  padding: fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 })),
  dilation: fc.integer({ min: 1, max: 3 }),
});

it('conv2d over shapes, strides, paddings and dilations', async () => {
  const holds = fc.asyncProperty(convolutions, async (c) => {
    const { n, height, width, inputs, outputs, kh, kw, stride, padding, dilation } = c;
    const reach = (count: number) => dilation * (count - 1) + 1;
    const [top, left] = padding;
    const over = [height + 2 * top - reach(kh), width + 2 * left - reach(kw)] as const;
    fc.pre(over[0] >= 0 && over[1] >= 0);
    const edges: [number, number][] = [
      [0, 0],
      [top, top],
      [left, left],
      [0, 0],
    ];
    await agree({
      variables: {
        x: normal('x', n, height, width, inputs),
        w: normal('w', kh, kw, inputs, outputs),
      },
      shape: [n, ...over.map((pixels) => Math.floor(pixels / stride) + 1), outputs],
      ours: ({ x, w }) => conv2d(x as Tensor, w as Tensor, { stride, padding, dilation }),
      theirs: ({ x, w }) =>
        tf.conv2d(tf.pad(x as Tensor4D, edges), dilated(w as Tensor4D, dilation), stride, 'valid'),
    });
  });
  await fc.assert(holds, { seed: 1, numRuns: 60 });
});

it('linear, ReLU and L2 normalisation over shapes', async () => {
  const holds = fc.asyncProperty(small, small, small, async (n, inputs, outputs) => {
    await agree({
      variables: {
        x: normal('x', n, inputs),
        w: normal('w', outputs, inputs),
        b: normal('b', outputs),
      },
      shape: [n, outputs],
      ours: ({ x, w, b }) => relu(l2Normalize(linear(x as Tensor, w as Tensor, b))),
      theirs: ({ x, w, b }) => {
        const y = tf.add(tf.matMul(x as Tensor2D, w as Tensor2D, false, true), b as Tensor);
        const length = tf.sqrt(tf.sum(tf.square(y), -1, true));
        return tf.relu(tf.div(y, tf.maximum(length, tf.scalar(1e-12))));
      },
    });
  });
  await fc.assert(holds, { seed: 2, numRuns: 10 });
});

/** Whole numbers from 0 to below `limit`, the same for the same name. */
function picks(name: string, count: number, limit: number): HostArray {
  const draws = stream(2, name, count, limit);
  return hostArray(
    'int32',
    [count],
    Int32Array.from({ length: count }, () => draws.int(0, limit - 1)),
  );
}

/** That of this device, and that of GPUs. */
const CROSS_ENTROPIES = [
  ['of the device', softmaxCrossEntropy],
  ['composed', (logits: Tensor, targets: Tensor) => crossEntropyBy(composed, logits, targets)],
] as const;

it.each(CROSS_ENTROPIES)(
  'softmax cross-entropy over shapes and sizes of logits, %s',
  async (_, crossEntropy) => {
    const cases = fc.record({
      n: fc.integer({ min: 1, max: 9 }),
      classes: fc.integer({ min: 1, max: 40 }),
      scale: fc.constantFrom(1, 30, 300),
    });
    const holds = fc.asyncProperty(cases, async ({ n, classes, scale }) => {
      const values = Array.from(normal('logits', n, classes).data, Number);
      await agree({
        variables: {
          logits: floats(
            [n, classes],
            values.map((x) => x * scale),
          ),
        },
        constants: { targets: picks('targets', n, classes) },
        shape: [n],
        ours: ({ logits, targets }) => crossEntropy(logits as Tensor, targets as Tensor),
        theirs: ({ logits, targets }) => {
          const chosen = tf.mul(hot(targets as Tensor, classes), tf.logSoftmax(logits as Tensor));
          return tf.neg(tf.sum(chosen, 1));
        },
      });
    });
    await fc.assert(holds, { seed: 3, numRuns: 15 });
  },
);

it.each(CROSS_ENTROPIES)(
  'softmax cross-entropy stays finite where the exponentials do not, %s',
  async (_, crossEntropy) => {
    const logits = floats([2, 3], [1e4, -1e4, 0, -3e38, 0, -1]);
    const targets = hostArray('int32', [2], Int32Array.of(1, 1));
    const { y } = await evaluate({ logits, targets }, (inputs) => ({
      y: crossEntropy(inputs.logits as Tensor, inputs.targets as Tensor),
    }));
    expect(y?.data[0]).toBe(2e4);
    expect(Number(y?.data[1])).toBeCloseTo(Math.log(1 + Math.exp(-1)), 6);
  },
);

it('composed cross-entropy of a target that is no class is not a number', async () => {
  const logits = floats([2, 3], [0, 1, 2, 0, 1, 2]);
  const targets = hostArray('int32', [2], Int32Array.of(3, 2));
  const { y } = await evaluate({ logits, targets }, (inputs) => ({
    y: crossEntropyBy(composed, inputs.logits as Tensor, inputs.targets as Tensor),
  }));
  expect(y?.data[0]).toBeNaN();
  expect(Number(y?.data[1])).toBeCloseTo(Math.log(1 + Math.exp(-1) + Math.exp(-2)), 6);
});

it('rows by index over shapes, with indices that come again', async () => {
  const holds = fc.asyncProperty(small, small, small, async (n, width, count) => {
    await agree({
      variables: { x: normal('x', n, width) },
      constants: { at: picks('at', 3 * count, n) },
      shape: [3 * count, width],
      ours: ({ x, at }) => rows(x as Tensor, at as Tensor),
      theirs: ({ x, at }) => tf.gather(x as Tensor, at as Tensor),
    });
  });
  await fc.assert(holds, { seed: 4, numRuns: 10 });
});
