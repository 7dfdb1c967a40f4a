import fc from 'fast-check';
import { beforeAll, describe, it } from 'vitest';
import { Meetings } from '../../cluster/meetings.ts';
import { stream } from '../../random/stream.ts';
import { near, normal } from '../../testing/agree.ts';
import {
  type Arrays,
  evaluate,
  floats,
  type Tensors,
  withGradients,
} from '../../testing/evaluate.ts';
import {
  centralDifferences,
  type Plain,
  plain,
  plainConv2d,
  plainCrossEntropy,
  plainGlobalMean,
  plainL2Normalize,
  plainLinear,
  plainMap,
  plainNormalise,
  plainPool,
  plainStatistics,
} from '../../testing/plain_ops.ts';
import { type HostArray, hostArray } from '../array.ts';
import { startEngine } from '../index.ts';
import { type Tensor, tf } from '../tf.ts';
import { dropoutMask, masked, relu } from './activation.ts';
import { conv2d } from './convolution.ts';
import { softmaxCrossEntropy } from './cross_entropy.ts';
import { rows } from './indexing.ts';
import { linear } from './linear.ts';
import { batchNormEval, batchNormSync, batchNormTrain, l2Normalize } from './normalization.ts';
import { avgPool, globalAvgPool, maxPool } from './pooling.ts';

beforeAll(startEngine);

/** Float32 gradients against float64 differences, as a share of a tensor's largest value. */
const BOUND = 2e-5;
/** What is left in the gradient of a batch norm where terms of opposite sign cancel. */
const CANCELLING = 3e-4;

interface Pair {
  readonly variables: Arrays;
  readonly constants?: Arrays;
  readonly ours: (tensors: never) => Tensor;
  readonly slow: (arrays: never) => Plain;
  readonly bound?: number;
}

/** Holds the engine's value and gradients to the plain loops and their differences. */
async function hold({ variables, constants = {}, ours, slow, bound = BOUND }: Pair): Promise<void> {
  const widened = Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [name, plain(value)]),
  );
  const apply = slow as (arrays: Readonly<Record<string, Plain>>) => Plain;
  const y = apply(widened);
  const upstream = normal('upstream', ...y.shape);
  const slopes = centralDifferences(widened, apply, plain(upstream));
  const names = Object.keys(variables);
  const found = await evaluate({ ...variables, ...constants, upstream }, (tensors) =>
    withGradients(names, tensors, ours as (tensors: Tensors) => Tensor),
  );
  const expected = Object.entries(slopes).map(([name, slope]) => [`grad.${name}`, slope] as const);
  near(found, { y, ...Object.fromEntries(expected) }, bound);
}

type Named<K extends string, T> = Readonly<Record<K, T>>;

/** Distinct values, 0.05 apart and none at 0: no step of a difference crosses a kink. */
function apart(name: string, ...shape: number[]): HostArray {
  const count = shape.reduce((a, b) => a * b, 1);
  const order = stream(1, name, ...shape).permutation(count);
  return floats(
    shape,
    Array.from(order, (place) => 0.05 * (place - count / 2 + 0.25)),
  );
}

const few = fc.integer({ min: 1, max: 3 });
const side = fc.integer({ min: 1, max: 6 });
const runs = { seed: 1, numRuns: 8 };

describe('gradients are the slopes of central differences', () => {
  it('conv2d', async () => {
    const shapes = fc.record({
      n: few,
      inputs: few,
      outputs: few,
      height: side,
      width: side,
      kh: few,
      kw: few,
      stride: few,
      padding: fc.tuple(fc.nat(3), fc.nat(3)),
      dilation: few,
    });
    const holds = fc.asyncProperty(shapes, async (c) => {
      const { n, inputs, outputs, height, width, kh, kw, stride, padding, dilation } = c;
      fc.pre(height + 2 * padding[0] > dilation * (kh - 1));
      fc.pre(width + 2 * padding[1] > dilation * (kw - 1));
      const options = { stride, padding, dilation };
      await hold({
        variables: {
          x: normal('x', n, height, width, inputs),
          w: normal('w', kh, kw, inputs, outputs),
        },
        ours: ({ x, w }: Named<'x' | 'w', Tensor>) => conv2d(x, w, options),
        slow: ({ x, w }: Named<'x' | 'w', Plain>) => plainConv2d(x, w, options),
      });
    });
    await fc.assert(holds, { seed: 1, numRuns: 20 });
  });

  it('max, average and global pooling', async () => {
    const shapes = fc.record({
      n: few,
      channels: few,
      height: side,
      width: side,
      size: fc.integer({ min: 1, max: 4 }),
      stride: few,
      pad: fc.nat(2),
    });
    const holds = fc.asyncProperty(
      shapes,
      async ({ n, channels, height, width, size, stride, pad }) => {
        const padding = Math.min(pad, Math.floor(size / 2));
        fc.pre(Math.min(height, width) + 2 * padding >= size);
        const variables = { x: apart('x', n, height, width, channels) };
        const window = { size, stride, padding };
        const of = (ours: (x: Tensor) => Tensor, slow: (x: Plain) => Plain) =>
          hold({
            variables,
            ours: ({ x }: Named<'x', Tensor>) => ours(x),
            slow: ({ x }: Named<'x', Plain>) => slow(x),
          });
        await of(
          (x) => maxPool(x, window),
          (x) => plainPool('max', x, window),
        );
        await of(
          (x) => avgPool(x, window),
          (x) => plainPool('average', x, window),
        );
        await of(globalAvgPool, plainGlobalMean);
      },
    );
    await fc.assert(holds, runs);
  });

  it('linear', async () => {
    const holds = fc.asyncProperty(side, side, side, async (n, inputs, outputs) => {
      type Parts<T> = Named<'x' | 'w' | 'b', T>;
      await hold({
        variables: {
          x: normal('x', n, inputs),
          w: normal('w', outputs, inputs),
          b: normal('b', outputs),
        },
        ours: ({ x, w, b }: Parts<Tensor>) => linear(x, w, b),
        slow: ({ x, w, b }: Parts<Plain>) => plainLinear(x, w, b),
      });
    });
    await fc.assert(holds, runs);
  });

  it('ReLU and dropout', async () => {
    const rates = fc.double({ min: 0, max: 0.9, noNaN: true });
    const holds = fc.asyncProperty(side, side, rates, async (n, width, rate) => {
      const uniform = stream(1, 'draws', n, width);
      const draws = floats(
        [n, width],
        Array.from({ length: n * width }, () => uniform.uniform()),
      );
      const keeps = (at: number) => Number(draws.data[at]) >= Math.fround(rate);
      await hold({
        variables: { x: apart('x', n, width) },
        constants: { draws },
        ours: ({ x, draws }: Named<'x' | 'draws', Tensor>) =>
          masked(relu(x), dropoutMask(draws, rate)),
        slow: ({ x }: Named<'x', Plain>) =>
          plainMap(x, (value, at) => (keeps(at) ? Math.max(value, 0) / (1 - rate) : 0)),
      });
    });
    await fc.assert(holds, runs);
  });

  it('L2 normalise, above and below its floor', async () => {
    const holds = fc.asyncProperty(
      side,
      fc.integer({ min: 2, max: 6 }),
      fc.constantFrom(1e-12, 50),
      async (n, width, floor) => {
        await hold({
          variables: { x: apart('x', n, width) },
          ours: ({ x }: Named<'x', Tensor>) => l2Normalize(x, floor),
          slow: ({ x }: Named<'x', Plain>) => plainL2Normalize(x, floor),
        });
      },
    );
    await fc.assert(holds, runs);
  });

  it('softmax cross-entropy', async () => {
    const holds = fc.asyncProperty(side, fc.integer({ min: 1, max: 9 }), async (n, classes) => {
      const draws = stream(1, 'targets', n, classes);
      const targets = Array.from({ length: n }, () => draws.int(0, classes - 1));
      await hold({
        variables: { logits: normal('logits', n, classes) },
        constants: { targets: hostArray('int32', [n], Int32Array.from(targets)) },
        ours: ({ logits, targets }: Named<'logits' | 'targets', Tensor>) =>
          softmaxCrossEntropy(logits, targets),
        slow: ({ logits }: Named<'logits', Plain>) => plainCrossEntropy(logits, targets),
      });
    });
    await fc.assert(holds, runs);
  });

  it('rows by index', async () => {
    const holds = fc.asyncProperty(side, side, side, async (n, width, count) => {
      const draws = stream(1, 'at', n, count);
      const at = Array.from({ length: count }, () => draws.int(0, n - 1));
      const data = (x: Plain) =>
        at.flatMap((row) => [...x.data.slice(row * width, (row + 1) * width)]);
      await hold({
        variables: { x: normal('x', n, width) },
        constants: { at: hostArray('int32', [count], Int32Array.from(at)) },
        ours: ({ x, at }: Named<'x' | 'at', Tensor>) => rows(x, at),
        slow: ({ x }: Named<'x', Plain>) => ({
          shape: [count, width],
          data: Float64Array.from(data(x)),
        }),
      });
    });
    await fc.assert(holds, runs);
  });
});

describe('gradients of batch norm are the slopes of central differences', () => {
  const shapes = fc
    .record({
      n: few,
      height: few,
      width: few,
      channels: few,
      epsilon: fc.constantFrom(1e-5, 1e-2),
    })
    .filter(({ n, height, width }) => n * height * width >= 4);
  type Case = typeof shapes extends fc.Arbitrary<infer T> ? T : never;
  type Parts<T> = Named<'x' | 'scale' | 'offset', T>;
  type State<T> = Named<'mean' | 'variance', T>;

  const inputs = ({ n, height, width, channels }: Case) => ({
    variables: {
      x: normal('x', n, height, width, channels),
      scale: normal('scale', channels),
      offset: normal('offset', channels),
    },
    constants: {
      mean: normal('mean', channels),
      variance: floats(
        [channels],
        Array.from({ length: channels }, (_, c) => 0.5 + c),
      ),
    },
  });
  const slow =
    ({ epsilon }: Case) =>
    ({ x, scale, offset }: Parts<Plain>) =>
      plainNormalise(x, scale, offset, plainStatistics(x), epsilon);

  it('with the statistics of the batch', async () => {
    const holds = fc.asyncProperty(shapes, async (one) => {
      await hold({
        ...inputs(one),
        ours: ({ x, scale, offset, ...state }: Parts<Tensor> & State<Tensor>) =>
          batchNormTrain(x, scale, offset, state, { epsilon: one.epsilon, momentum: 0.1 }).value,
        slow: slow(one),
        bound: CANCELLING,
      });
    });
    await fc.assert(holds, { seed: 1, numRuns: 12 });
  });

  it('with the running statistics', async () => {
    const holds = fc.asyncProperty(shapes, async (one) => {
      const { variables, constants } = inputs(one);
      const state = { mean: plain(constants.mean), variance: plain(constants.variance) };
      await hold({
        variables,
        constants,
        ours: ({ x, scale, offset, ...state }: Parts<Tensor> & State<Tensor>) =>
          batchNormEval(x, scale, offset, state, one.epsilon),
        slow: ({ x, scale, offset }: Parts<Plain>) =>
          plainNormalise(x, scale, offset, state, one.epsilon),
      });
    });
    await fc.assert(holds, runs);
  });

  it('with the statistics of all replicas', async () => {
    const holds = fc.asyncProperty(
      shapes,
      fc.integer({ min: 2, max: 4 }),
      async (shard, replicas) => {
        const one = { ...shard, n: shard.n * replicas };
        const options = { epsilon: one.epsilon, momentum: 0.1 };
        const { variables, constants } = inputs(one);
        const upstream = normal('upstream', ...variables.x.shape);
        const found = await evaluate({ ...variables, ...constants, upstream }, (tensors) => {
          const meetings = new Meetings(replicas);
          const names = Object.keys(variables);
          const made = withGradients(names, tensors, (given) => {
            const { x, scale, offset, ...state } = given as Parts<Tensor> & State<Tensor>;
            const shards = tf.split(x, replicas).map((part, r) => {
              const meeting = meetings.at('norm', r);
              return batchNormSync(part, scale, offset, state, options, meeting).value;
            });
            return tf.concat(shards);
          });
          meetings.close();
          return made;
        });
        const widened = {
          x: plain(variables.x),
          scale: plain(variables.scale),
          offset: plain(variables.offset),
        };
        const apply = slow(one) as unknown as (arrays: Readonly<Record<string, Plain>>) => Plain;
        const slopes = centralDifferences(widened, apply, plain(upstream));
        const expected = Object.entries(slopes).map(
          ([name, slope]) => [`grad.${name}`, slope] as const,
        );
        near(found, Object.fromEntries(expected), CANCELLING);
      },
    );
    await fc.assert(holds, runs);
  });
});
