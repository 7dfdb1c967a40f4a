import { withGradient } from '../gradient.ts';
import { asTypeOf, toCompute, toFloat } from '../precision.ts';
import { type Tensor, tf } from '../tf.ts';
import { inverseRoot } from './inverse_root.ts';

export interface GroupNormOptions {
  /** Groups of neighbouring channels; they divide the channels. */
  readonly groups: number;
  readonly epsilon: number;
}

/**
 * Group norm, Wu and He 2018, arXiv:1803.08494: each sample's values of each group of channels get mean 0
 * and variance 1, then scale and offset by channel. Computed in float32; no sample sees another.
 * @param x [N, H, W, C]
 * @param scale, offset [C]
 */
export function groupNorm(
  x: Tensor,
  scale: Tensor,
  offset: Tensor,
  { groups, epsilon }: GroupNormOptions,
): Tensor {
  const [count = 0, height = 0, width = 0, channels = 0] = x.shape;
  const apart = [count, height * width, groups, channels / groups];
  const mean = (values: Tensor) => tf.mean(values, [1, 3], true);
  return withGradient([x, scale, offset], () => {
    const values = tf.reshape(toFloat(x), apart);
    const centred = tf.sub(values, mean(values));
    const variance = mean(tf.square(centred));
    const inverse = inverseRoot(tf.add(variance, tf.scalar(epsilon)));
    const unit = tf.mul(centred, inverse);
    const whole = tf.reshape(unit, x.shape);
    return {
      value: toCompute(tf.add(tf.mul(whole, scale), offset)),
      gradients: (dy) => {
        const gradient = toFloat(dy);
        const inner = tf.reshape(tf.mul(gradient, scale), apart);
        const along = tf.mul(unit, mean(tf.mul(inner, unit)));
        const slope = tf.mul(tf.sub(tf.sub(inner, mean(inner)), along), inverse);
        const axes = [0, 1, 2];
        return [
          asTypeOf(tf.reshape(slope, x.shape), x),
          tf.sum(tf.mul(gradient, whole), axes),
          tf.sum(gradient, axes),
        ];
      },
    };
  });
}
