import { plusScaled } from '../engine/ops/passes.ts';
import type { Io } from '../engine/program.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import type { ParameterRule } from './rules.ts';

/** What one step of one parameter is made from. */
export interface ParameterStep {
  /** Of the parameter's state. */
  readonly name: string;
  readonly rule: ParameterRule;
  /** float32, shape of the parameter. */
  readonly gradient: Tensor;
  /** float32 scalar, the rule's multiplier included. */
  readonly rate: Tensor;
  /** A float32 scalar; one node for each value. */
  readonly constant: (value: number) => Tensor;
}

/** The state that holds the momentum of a parameter. */
export function momentumState(parameter: string): string {
  return `optimizer.momentum.${parameter}`;
}

/** The state that tells the first step, 0, from all others, 1; there is one where a rule dampens. */
export const BEGUN = 'optimizer.begun';

/** Whether what enters the momentum depends on that state. */
export function isDamped({ momentum, dampening }: ParameterRule): boolean {
  return momentum !== 0 && dampening !== 0;
}

/** gradient + weightDecay w. */
export function decayed(io: Io, { name, rule, gradient, constant }: ParameterStep): Tensor {
  if (rule.weightDecay === 0) return gradient;
  return plusScaled(gradient, io.read(name), constant(rule.weightDecay));
}

/**
 * v = momentum v + (1 - dampening) d, at the first step v = d; w -= rate v, or rate (d + momentum v)
 * with nesterov. A parameter without momentum has no v: w -= rate d.
 * @param direction d, float32, shape of the parameter
 */
export function descend(
  io: Io,
  { name, rule, rate, constant }: Omit<ParameterStep, 'gradient'>,
  direction: Tensor,
): void {
  const state = momentumState(name);
  const momentum = constant(rule.momentum);
  if (rule.momentum === 0) io.apply('ResourceApplyGradientDescent', [name], [rate, direction]);
  else if (!rule.nesterov && rule.dampening === 0)
    io.apply('ResourceApplyMomentum', [name, state], [rate, direction, momentum]);
  else {
    const entering = isDamped(rule) ? tf.mul(direction, entry(io, rule, constant)) : direction;
    const velocity = tf.add(tf.mul(io.read(state), momentum), entering);
    const ahead = rule.nesterov ? tf.add(direction, tf.mul(velocity, momentum)) : velocity;
    io.assign(state, velocity);
    io.assign(name, tf.sub(io.read(name), tf.mul(ahead, rate)));
  }
}

/** The share of d that enters: all of the first. */
function entry(io: Io, { dampening }: ParameterRule, constant: ParameterStep['constant']): Tensor {
  return tf.where(tf.greater(io.read(BEGUN), constant(0)), constant(1 - dampening), constant(1));
}
