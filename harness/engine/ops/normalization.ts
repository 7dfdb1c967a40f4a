import { withGradient } from '../gradient.ts';
import { op, op1 } from '../op.ts';
import { asTypeOf, toCompute, toFloat } from '../precision.ts';
import { type Tensor, tf } from '../tf.ts';
import { inverseRoot } from './inverse_root.ts';
import { layered } from './layered.ts';
import { oneOver } from './one_over.ts';

/** Where one layer of a replica adds up with the same layer of the others. */
export interface Meeting {
  /** Hands in a value of this replica and gives its sum over all replicas; each phase once. */
  total(phase: string, value: Tensor): Tensor;
  /**
   * `value` times a number that follows from how many values all replicas have together.
   * @param own how many this replica has; others may have more or fewer
   */
  scaled(value: Tensor, own: number, factor: Factor): Tensor;
}

/** A factor by the number of values: where the host knows it, and where it is found in the graph. The same float32. */
export interface Factor {
  readonly known: (count: number) => number;
  readonly found: (count: Tensor) => Tensor;
}

export const ONE_OVER_COUNT: Factor = {
  known: (count) => 1 / count,
  found: oneOver,
};

function unbiasedBy(copies: number): Factor {
  return {
    known: (count) => unbiasing(count * copies),
    found: (count) => {
      const all = tf.mul(count, tf.scalar(copies));
      return tf.div(all, tf.maximum(tf.sub(all, tf.scalar(1)), tf.scalar(1)));
    },
  };
}

export interface BatchNormState {
  /** Running mean and variance, [C], float32. */
  readonly mean: Tensor;
  readonly variance: Tensor;
}

export interface BatchNormOptions {
  readonly epsilon: number;
  /** Weight of the new batch in the running statistics (PyTorch's sense, 0.1 by default there). */
  readonly momentum: number;
  /**
   * Each sample stands for so many equal ones, 1 by default. Mean, variance and gradients of a batch
   * do not change when all of it is repeated; only the unbiased variance does, n / (n - 1) of more n.
   */
  readonly copies?: number;
}

/**
 * Batch norm with the statistics of this batch; the running ones move towards them.
 * Normalises with the biased variance; the running variance gets the unbiased one
 * (docs/reference/methods.md, section 1.1).
 * @param x [N, H, W, C]
 * @param scale, offset [C]
 * @returns the normalised batch and the new running statistics, which carry no gradient.
 */
export function batchNormTrain(
  x: Tensor,
  scale: Tensor,
  offset: Tensor,
  state: BatchNormState,
  { epsilon, momentum, copies = 1 }: BatchNormOptions,
): { readonly value: Tensor; readonly state: BatchNormState } {
  const attrs = { epsilon, data_format: 'NHWC', is_training: true };
  const factor = copies === 1 ? momentum : 1; // 1: the statistics of the batch itself
  let next = state;
  const value = withGradient([x, scale, offset], () => {
    const input = layered(toCompute(x));
    const outputs = op(
      'FusedBatchNormV3',
      [input, scale, offset, state.mean, state.variance],
      { ...attrs, exponential_avg_factor: factor },
      6,
    );
    const [y, mean, variance, ...reserved] = outputs;
    if (!y || !mean || !variance) throw new Error('FusedBatchNormV3: outputs are missing');
    next = { mean, variance };
    if (copies > 1) {
      const more = unbiasing(valuesOf(x) * copies) / unbiasing(valuesOf(x));
      next = {
        mean: moved(state.mean, mean, momentum),
        variance: moved(state.variance, tf.mul(variance, tf.scalar(more)), momentum),
      };
    }
    return {
      value: shapedAs(y, x),
      gradients: (dy) => {
        const slope = shapedAs(asTypeOf(dy, input), input);
        const taken = op('FusedBatchNormGradV3', [slope, input, scale, ...reserved], attrs, 3);
        const [dx, ...parameters] = taken;
        if (!dx) throw new Error('FusedBatchNormGradV3: outputs are missing');
        return [shapedAs(dx, x), ...parameters];
      },
    };
  });
  return { value, state: next };
}

function shapedAs(values: Tensor, { shape }: Tensor): Tensor {
  return String(values.shape) === String(shape) ? values : tf.reshape(values, [...shape]);
}

/** n / (n - 1); for a single value 1, as in the kernels. */
function unbiasing(count: number): number {
  return count / Math.max(1, count - 1);
}

/** The values that a channel's statistics are taken over. */
function valuesOf(x: Tensor): number {
  return x.shape.slice(0, -1).reduce((a, b) => a * b, 1);
}

/**
 * Batch norm with the statistics of all replicas' batches together; otherwise as `batchNormTrain`.
 * Every value weighs the same, so a replica weighs by how many it has. Computed in float32. The
 * gradient goes through the shared statistics, so it depends on the outputs of all replicas.
 */
export function batchNormSync(
  x: Tensor,
  scale: Tensor,
  offset: Tensor,
  state: BatchNormState,
  { epsilon, momentum, copies = 1 }: BatchNormOptions,
  meeting: Meeting,
): { readonly value: Tensor; readonly state: BatchNormState } {
  const axes = x.shape.slice(0, -1).map((_, axis) => axis);
  const own = valuesOf(x);
  const share = (sum: Tensor, phase: string) =>
    meeting.scaled(meeting.total(phase, sum), own, ONE_OVER_COUNT);
  let next = state;
  const value = withGradient([x, scale, offset], () => {
    const wide = toFloat(x);
    const mean = share(tf.sum(wide, axes), 'mean');
    const centred = tf.sub(wide, mean);
    const variance = share(tf.sum(tf.square(centred), axes), 'variance');
    const inverse = inverseRoot(tf.add(variance, tf.scalar(epsilon)));
    const unit = tf.mul(centred, inverse);
    const unbiased = meeting.scaled(variance, own, unbiasedBy(copies));
    next = {
      mean: moved(state.mean, mean, momentum),
      variance: moved(state.variance, unbiased, momentum),
    };
    return {
      value: toCompute(tf.add(tf.mul(unit, scale), offset)),
      gradients: (dy) => {
        const gradient = toFloat(dy);
        const slope = tf.sum(tf.mul(gradient, unit), axes);
        const shift = tf.sum(gradient, axes);
        const along = tf.mul(unit, share(slope, 'gradient of the scale'));
        const flat = tf.sub(tf.sub(gradient, share(shift, 'gradient of the offset')), along);
        return [asTypeOf(tf.mul(flat, tf.mul(scale, inverse)), x), slope, shift];
      },
    };
  });
  return { value, state: next };
}

function moved(running: Tensor, batch: Tensor, momentum: number): Tensor {
  return tf.add(tf.mul(running, tf.scalar(1 - momentum)), tf.mul(batch, tf.scalar(momentum)));
}

/**
 * Batch norm with running statistics, for evaluation and frozen layers.
 * y = (x - mean) * scale / sqrt(variance + epsilon) + offset. Differentiable in x, scale and offset.
 */
export function batchNormEval(
  x: Tensor,
  scale: Tensor,
  offset: Tensor,
  { mean, variance }: BatchNormState,
  epsilon: number,
): Tensor {
  const slope = tf.mul(scale, inverseRoot(tf.add(variance, tf.scalar(epsilon))));
  const shift = tf.sub(offset, tf.mul(mean, slope));
  return withGradient([x, slope, shift], () => {
    const input = toCompute(x);
    const y = op1('AddV2', [op1('Mul', [input, asTypeOf(slope, input)]), asTypeOf(shift, input)]);
    return {
      value: y,
      gradients: (dy) => {
        const axes = x.shape.slice(0, -1).map((_, axis) => axis);
        const wide = toFloat(dy);
        return [
          op1('Mul', [asTypeOf(dy, input), asTypeOf(slope, input)]),
          tf.sum(tf.mul(wide, toFloat(input)), axes),
          tf.sum(wide, axes),
        ];
      },
    };
  });
}

/**
 * Rows scaled to unit length: x / max(|x|, epsilon) (docs/reference/methods.md, section 1.3).
 * @param x [N, D]
 */
export function l2Normalize(x: Tensor, epsilon = 1e-12): Tensor {
  return withGradient([x], () => {
    const wide = toFloat(x);
    const length = tf.sqrt(tf.sum(tf.square(wide), -1, true));
    const safe = tf.maximum(length, tf.scalar(epsilon));
    const unit = tf.div(wide, safe);
    return {
      value: unit,
      gradients: (dy) => {
        const gradient = toFloat(dy);
        // Below epsilon the divisor is a constant, so nothing is projected out.
        const along = tf.sum(tf.mul(gradient, unit), -1, true);
        const projects = tf.cast(tf.greaterEqual(length, tf.scalar(epsilon)), 'float32');
        const tangent = tf.sub(gradient, tf.mul(unit, tf.mul(along, projects)));
        return [asTypeOf(tf.div(tangent, safe), x)];
      },
    };
  });
}
