import { blended } from '../engine/ops/passes.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import type { Params } from './module.ts';

/**
 * m and 1 - m, each rounded once. With m near 1, the difference of 1 and a rounded m would have few
 * digits that are right.
 */
export interface Shares {
  readonly keep: Tensor;
  readonly take: Tensor;
}

/**
 * An exponential moving average: each parameter becomes follower * m + leader * (1 - m), in the order
 * and rounding of the original (`param_k * m + param_q * (1 - m)`). Carries no gradient.
 * @param follower the parameters before the step
 * @param leader entries of the same names; more are ignored
 * @param momentum m, in [0, 1]; as shares where it changes from step to step
 * @throws when the leader lacks a parameter or has another shape.
 */
export function follow(follower: Params, leader: Params, momentum: number | Shares): Params {
  const { keep, take } =
    typeof momentum === 'number'
      ? { keep: tf.scalar(momentum), take: tf.scalar(1 - momentum) }
      : momentum;
  return Object.fromEntries(
    Object.entries(follower).map(([name, old]) => {
      const next = leader[name];
      if (next === undefined || String(next.shape) !== String(old.shape))
        throw new Error(
          `follow: '${name}' [${old.shape}] has no counterpart of its shape in the leader`,
        );
      // Raw ops are not on tfjs's gradient tape, so nothing flows back to the leader.
      return [name, blended(old, keep, next, take)];
    }),
  );
}
