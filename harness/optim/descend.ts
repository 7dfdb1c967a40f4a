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

/** gradient + weightDecay w. */
export function decayed(io: Io, { name, rule, gradient, constant }: ParameterStep): Tensor {
  if (rule.weightDecay === 0) return gradient;
  return plusScaled(gradient, io.read(name), constant(rule.weightDecay));
}

/**
 * v = momentum v + d; w -= rate v, or rate (d + momentum v) with nesterov. A parameter without
 * momentum has no v: w -= rate d.
 * @param direction d, float32, shape of the parameter
 */
export function descend(
  io: Io,
  { name, rule, rate, constant }: ParameterStep,
  direction: Tensor,
  nesterov: boolean,
): void {
  const state = momentumState(name);
  const momentum = constant(rule.momentum);
  if (rule.momentum === 0) io.apply('ResourceApplyGradientDescent', [name], [rate, direction]);
  else if (!nesterov) io.apply('ResourceApplyMomentum', [name, state], [rate, direction, momentum]);
  else {
    const velocity = tf.add(tf.mul(io.read(state), momentum), direction);
    const ahead = tf.add(direction, tf.mul(velocity, momentum));
    io.assign(state, velocity);
    io.assign(name, tf.sub(io.read(name), tf.mul(ahead, rate)));
  }
}
