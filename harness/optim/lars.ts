import type { Io } from '../engine/program.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import { norm } from './clip.ts';
import { decayed, descend, type ParameterStep } from './descend.ts';

export interface LarsOptions {
  /**
   * Whether a tensor of norm 0, or with a gradient of norm 0, takes the plain rate; else it stands
   * still.
   */
  readonly movesZeros: boolean;
}

/**
 * One step of LARS (You et al. 2017, arXiv:1708.03888) as the original system has it, the rate inside
 * the momentum: local = eta |w| / (|g| + weightDecay |w|), or 1 where excluded;
 * u = rate local (g + weightDecay w); v = momentum v + (1 - dampening) u, at the first step v = u;
 * w -= v, or u + momentum v with nesterov.
 *
 * Departs: where |w| or |g| is 0, local is 1, as in NVIDIA's apex: the original's 0 would hold a tensor
 * of zeros for ever. Without `movesZeros` it is the original's, but 0 where that divides 0 by 0.
 */
export function larsStep(io: Io, options: LarsOptions, step: ParameterStep): void {
  const { rule, rate, constant } = step;
  const scale = rule.larsExclude ? rate : tf.mul(localRate(io, options, step), rate);
  const update = tf.mul(decayed(io, step), scale);
  descend(io, { ...step, rate: constant(1) }, update);
}

function localRate(
  io: Io,
  { movesZeros }: LarsOptions,
  { name, rule, gradient, constant }: ParameterStep,
): Tensor {
  const [weight, slope] = [norm(io.read(name)), norm(gradient)];
  const size = tf.add(slope, tf.mul(weight, constant(rule.weightDecay)));
  const local = tf.divNoNan(tf.mul(weight, constant(rule.eta)), size);
  if (!movesZeros) return local;
  const sized = tf.logicalAnd(tf.greater(weight, constant(0)), tf.greater(slope, constant(0)));
  return tf.where(sized, local, constant(1));
}
