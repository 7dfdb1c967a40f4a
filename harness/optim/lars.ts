import type { Io } from '../engine/program.ts';
import { tf } from '../engine/tf.ts';
import { norm } from './clip.ts';
import { decayed, descend, type ParameterStep } from './descend.ts';

export interface LarsOptions {
  readonly eta: number;
  readonly nesterov: boolean;
}

/**
 * One step of LARS (You et al. 2017, arXiv:1708.03888) as the original system has it, the rate inside
 * the momentum: local = eta |w| / (|g| + weightDecay |w|), or 1 where excluded;
 * u = rate local (g + weightDecay w); v = momentum v + u; w -= v, or u + momentum v with nesterov.
 *
 * Departs: where weight and gradient are both 0 the original divides 0 by 0; here local is 0.
 */
export function larsStep(io: Io, { eta, nesterov }: LarsOptions, step: ParameterStep): void {
  const { name, rule, gradient, rate, constant } = step;
  let scale = rate;
  if (!rule.larsExclude) {
    const weight = norm(io.read(name));
    const size = tf.add(norm(gradient), tf.mul(weight, constant(rule.weightDecay)));
    scale = tf.mul(tf.divNoNan(tf.mul(weight, constant(eta)), size), rate);
  }
  const update = tf.mul(decayed(io, step), scale);
  descend(io, { ...step, rate: constant(1) }, update, nesterov);
}
