import { withGradient } from '../../harness/engine/gradient.ts';
import { op1 } from '../../harness/engine/op.ts';
import { inverseRoot } from '../../harness/engine/ops/inverse_root.ts';
import { batchNormEval } from '../../harness/engine/ops/normalization.ts';
import { asTypeOf, toCompute, toFloat } from '../../harness/engine/precision.ts';
import { sizesAreFree, type Tensor, tf } from '../../harness/engine/tf.ts';
import { batchNorm } from '../../harness/nn/layers.ts';
import type { Module } from '../../harness/nn/module.ts';

const EPSILON = 1e-5;
const MOMENTUM = 0.1;

/**
 * Batch norm of one replica whose statistics are sums of sums. Fused kernels add all pixels of a channel one after
 * another in float32: over 10,000 pixels that is off by some 1e-6, and forty layers deep by 2e-5 of a value, ten times
 * what PyTorch's sums in double are (docs/decisions.md, "Norms of the detector"). Slower than them.
 */
export function exactNorm(channels: number): Module {
  const plain = batchNorm({ channels, epsilon: EPSILON, momentum: MOMENTUM });
  return {
    ...plain,
    apply: ({ weight, bias }, x, context) => {
      if (weight === undefined || bias === undefined) throw new Error('norm: no scale and shift');
      const running = {
        mean: context.buffer('running_mean'),
        variance: context.buffer('running_var'),
      };
      if (!context.train) return batchNormEval(x, weight, bias, running, EPSILON);
      const { value, mean, variance } = normalise(x, weight, bias);
      const unbiased = tf.mul(variance, unbiasing(x.size / channels));
      context.update('running_mean', moved(running.mean, mean));
      context.update('running_var', moved(running.variance, unbiased));
      const seen = context.buffer('num_batches_tracked');
      context.update('num_batches_tracked', op1('AddV2', [seen, op1('OnesLike', [seen])]));
      return value;
    },
  };
}

/** n / (n - 1); of sizes that are free by ops, for no constant follows from them so. */
function unbiasing(count: number): Tensor {
  if (!sizesAreFree()) return tf.scalar(count / Math.max(1, count - 1));
  const all = tf.scalar(count);
  return tf.div(all, tf.maximum(tf.sub(all, tf.scalar(1)), tf.scalar(1)));
}

function moved(running: Tensor, batch: Tensor): Tensor {
  return tf.add(tf.mul(running, tf.scalar(1 - MOMENTUM)), tf.mul(batch, tf.scalar(MOMENTUM)));
}

/** The normalised batch, and its mean and biased variance, which carry no gradient. */
function normalise(x: Tensor, scale: Tensor, offset: Tensor) {
  let [mean, variance] = [scale, offset];
  const value = withGradient([x, scale, offset], () => {
    const wide = toFloat(x);
    mean = channelMean(wide);
    const centred = tf.sub(wide, mean);
    variance = channelMean(tf.square(centred));
    const inverse = inverseRoot(tf.add(variance, tf.scalar(EPSILON)));
    const unit = tf.mul(centred, inverse);
    return {
      value: toCompute(tf.add(tf.mul(unit, scale), offset)),
      gradients: (dy) => {
        const slope = toFloat(dy);
        const [along, shift] = [channelMean(tf.mul(slope, unit)), channelMean(slope)];
        const flat = tf.sub(tf.sub(slope, shift), tf.mul(unit, along));
        const count = tf.scalar(x.size / scale.size);
        const dx = tf.mul(flat, tf.mul(scale, inverse));
        return [asTypeOf(dx, x), tf.mul(along, count), tf.mul(shift, count)];
      },
    };
  });
  return { value, mean, variance };
}

/** Mean over all axes but the last: of as many sums as each has values, or nearly. */
function channelMean(x: Tensor): Tensor {
  const channels = x.shape.at(-1) ?? 1;
  const count = x.size / channels;
  if (sizesAreFree()) return tf.div(sumByAxis(x), tf.scalar(count));
  let groups = Math.floor(Math.sqrt(count));
  while (count % groups !== 0) groups--;
  const apart = tf.reshape(x, [groups, count / groups, channels]);
  return tf.div(tf.sum(tf.sum(apart, 1), 0), tf.scalar(count));
}

/** What divides a free size is not known, so each axis is a group. */
function sumByAxis(x: Tensor): Tensor {
  let sum = x;
  for (let axis = x.rank - 2; axis >= 0; axis--) sum = tf.sum(sum, axis);
  return sum;
}
