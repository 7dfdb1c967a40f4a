import fc from 'fast-check';
import { beforeAll, describe, it } from 'vitest';
import { startEngine } from '../../harness/engine/index.ts';
import { op1 } from '../../harness/engine/op.ts';
import { batchNormTrain } from '../../harness/engine/ops/normalization.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import { agree, near, normal } from '../../harness/testing/agree.ts';
import { differentiate, floats, type Tensors } from '../../harness/testing/evaluate.ts';
import { layerContext } from '../../harness/testing/layer_context.ts';
import { exactNorm } from './exact_norm.ts';
import { doubling } from './layers.ts';
import { absoluteError, binaryCrossEntropy } from './losses.ts';
import { maskLoss } from './mask_head.ts';
import { boxLosses } from './roi_head.ts';

beforeAll(startEngine);

const size = fc.integer({ min: 1, max: 5 });
const runs = { seed: 6, numRuns: 8 };
const zeroOrOne = (name: string, ...shape: number[]) => {
  const { data } = normal(name, ...shape);
  return floats(
    shape,
    Array.from(data as Float32Array, (value) => (value > 0 ? 1 : 0)),
  );
};
const given = (name: keyof Tensors) => (tensors: Tensors) => tensors[name] as Tensor;
const [x, t, w] = [given('x'), given('t'), given('w')];

describe('losses', () => {
  it('binary cross entropy is -t log p - (1 - t) log(1 - p), weighted', async () => {
    const holds = fc.asyncProperty(size, size, async (n, m) => {
      await agree({
        variables: { x: normal('x', n, m) },
        constants: { t: zeroOrOne('t', n, m), w: zeroOrOne('w', n, m) },
        shape: [],
        ours: (all) => binaryCrossEntropy(x(all), t(all), w(all)),
        theirs: (all) => {
          const p = tf.sigmoid(x(all));
          const own = tf.mul(t(all), tf.log(p));
          const other = tf.mul(tf.sub(1, t(all)), tf.log(tf.sub(1, p)));
          return tf.neg(tf.sum(tf.mul(tf.add(own, other), w(all))));
        },
      });
    });
    await fc.assert(holds, runs);
  });

  it('absolute error, weighted', async () => {
    const holds = fc.asyncProperty(size, size, async (n, m) => {
      await agree({
        variables: { x: normal('x', n, m) },
        constants: { t: normal('goal', n, m), w: zeroOrOne('w', n, m) },
        shape: [],
        ours: (all) => absoluteError(x(all), t(all), w(all)),
        theirs: (all) => tf.sum(tf.mul(tf.abs(tf.sub(x(all), t(all))), w(all))),
      });
    });
    await fc.assert(holds, runs);
  });

  it('extreme logits give finite losses and slopes, and a hit no slope', async () => {
    const found = await differentiate(
      {
        variables: { x: floats([3], [1e4, -1e4, 0]) },
        constants: { t: floats([3], [0, 1, 1]), w: floats([3], [1, 1, 0]) },
        apply: (all) => binaryCrossEntropy(x(all), t(all), w(all)),
      },
      floats([], [1]),
    );
    near(found, { y: { data: [2e4] }, 'grad.x': { data: [1, -1, 0] } });
    const still = await differentiate(
      {
        variables: { x: floats([2], [3, 5]) },
        constants: { t: floats([2], [3, 4]), w: floats([2], [1, 1]) },
        apply: (all) => absoluteError(x(all), t(all), w(all)),
      },
      floats([], [1]),
    );
    near(still, { y: { data: [1] }, 'grad.x': { data: [0, 1] } });
  });

  it('boxes: the true class alone, over all regions; background counts in the divisor', async () => {
    const found = await differentiate(
      {
        variables: { x: floats([2, 8], [1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 1, 1, 1, 1, 1, 1]) },
        constants: {
          w: floats([2, 3], [0, 0, 0, 0, 0, 0]),
          t: floats([2, 4], [0, 0, 0, 0, 9, 9, 9, 9]),
        },
        apply: (all) => {
          const classes = tf.tensor1d([1, 2], 'int32');
          return boxLosses({ scores: w(all), deltas: x(all) }, { classes, deltas: t(all) })
            .loss_box_reg;
        },
      },
      floats([], [1]),
    );
    const slope = [0, 0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0, 0, 0, 0, 0, 0, 0, 0];
    near(found, { y: { data: [13] }, 'grad.x': { data: slope } });
  });

  it('masks: the mean over the true planes of what counts, and 0 where nothing does', async () => {
    const lossOf = (counts: number[]) =>
      differentiate(
        {
          variables: { x: floats([2, 1, 1, 2], [0, 5, 0, 7]) },
          constants: { t: floats([2, 1, 1], [1, 0]), w: floats([2], counts) },
          apply: (all) => maskLoss(x(all), tf.tensor1d([0, 0], 'int32'), t(all), w(all)),
        },
        floats([], [1]),
      );
    near(await lossOf([1, 1]), {
      y: { data: [Math.LN2] },
      'grad.x': { data: [-0.25, 0, 0.25, 0] },
    });
    near(await lossOf([1, 0]), { y: { data: [Math.LN2] }, 'grad.x': { data: [-0.5, 0, 0, 0] } });
    near(await lossOf([0, 0]), { y: { data: [0] }, 'grad.x': { data: [0, 0, 0, 0] } });
  });
});

describe('layers', () => {
  it('a transposed convolution puts each pixel times the filter into four', async () => {
    const holds = fc.asyncProperty(size, size, size, async (h, width, inputs) => {
      const outputs = 3;
      await agree({
        variables: {
          x: normal('x', 2, h, width, inputs),
          w: normal('filter', 2, 2, outputs, inputs),
          t: normal('bias', outputs),
        },
        shape: [2, 2 * h, 2 * width, outputs],
        ours: (all) =>
          doubling(inputs, outputs).apply({ weight: w(all), bias: t(all) }, x(all), layerContext()),
        theirs: (all) =>
          tf.add(
            tf.conv2dTranspose(
              x(all) as never,
              w(all) as never,
              [2, 2 * h, 2 * width, outputs],
              2,
              'valid',
            ),
            t(all),
          ),
      });
    });
    await fc.assert(holds, runs);
  });

  it('the exact norm gives what the fused one does, running statistics too', async () => {
    const channels = 3;
    const [n, h, width] = [2, 5, 7];
    const running: Record<string, number> = { running_mean: 0.5, running_var: 2 };
    const inputs = {
      variables: {
        x: normal('x', n, h, width, channels),
        w: normal('scale', channels),
        t: normal('offset', channels),
      },
    };
    const held = (name: string) =>
      name in running
        ? tf.fill([channels], running[name] ?? 0)
        : op1('Cast', [tf.scalar(7)], { DstT: { dtype: 'int64' } });
    // What is kept besides the value is added to it, so that it is compared as well.
    const both = (value: Tensor, mean: Tensor, variance: Tensor) =>
      tf.add(value, tf.add(mean, variance));
    const ours = (all: Tensors) => {
      const kept = new Map<string, Tensor>();
      const context = layerContext({ buffer: held, update: (name, to) => kept.set(name, to) });
      const y = exactNorm(channels).apply({ weight: w(all), bias: t(all) }, x(all), context);
      return both(y, kept.get('running_mean') as Tensor, kept.get('running_var') as Tensor);
    };
    const fused = (all: Tensors) => {
      const state = { mean: held('running_mean'), variance: held('running_var') };
      const options = { epsilon: 1e-5, momentum: 0.1 };
      const made = batchNormTrain(x(all), w(all), t(all), state, options);
      return both(made.value, made.state.mean, made.state.variance);
    };
    const upstream = normal('upstream', n, h, width, channels);
    const want = await differentiate({ ...inputs, apply: fused }, upstream);
    near(await differentiate({ ...inputs, apply: ours }, upstream), want, 5e-5);
  });
});
