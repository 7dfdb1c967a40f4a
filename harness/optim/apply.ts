import type { Io } from '../engine/program.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import { clipped } from './clip.ts';
import { momentumState } from './descend.ts';
import { larsStep } from './lars.ts';
import { type ParameterRule, resolveRules } from './rules.ts';
import { sgdStep } from './sgd.ts';
import type { OptimizerSpec } from './spec.ts';

/** A parameter with its gradient, float32 of the same shape. `name` is that of its state. */
export interface Learning {
  readonly name: string;
  readonly gradient: Tensor;
  readonly rule: ParameterRule;
}

interface Named {
  readonly name: string;
  readonly shape: readonly number[];
}

/**
 * The state an optimiser needs for these parameters, all float32 and zero at first. A parameter
 * without momentum needs none.
 */
export function optimizerState(spec: OptimizerSpec, parameters: readonly Named[]): Named[] {
  const names = parameters.map(({ name }) => name);
  const rules = resolveRules(spec, names);
  return parameters
    .filter(({ name }) => rules.get(name)?.momentum !== 0)
    .map(({ name, shape }) => ({ name: momentumState(name), shape }));
}

/**
 * Adds one step of the optimiser to the entry being traced: it moves the parameters and their momentum.
 * @param learningRate float32 scalar: the rate of this step, before each rule's multiplier
 * @param movesZeros LARS: see `LarsOptions`
 */
export function applyOptimizer(
  io: Io,
  spec: OptimizerSpec,
  parameters: readonly Learning[],
  learningRate: Tensor,
  movesZeros = true,
): void {
  const { gradClip } = spec;
  const gradients = parameters.map(({ gradient }) => gradient);
  const bounded = gradClip === undefined ? gradients : clipped(gradients, gradClip);
  const constants = new Map<number, Tensor>();
  const constant = (value: number): Tensor => {
    const made = constants.get(value) ?? tf.scalar(value);
    constants.set(value, made);
    return made;
  };
  parameters.forEach(({ name, rule, gradient }, i) => {
    const rate =
      rule.lrMultiplier === 1 ? learningRate : tf.mul(learningRate, constant(rule.lrMultiplier));
    const step = { name, rule, gradient: bounded[i] ?? gradient, rate, constant };
    if (spec.kind === 'sgd') sgdStep(io, spec.nesterov, step);
    else larsStep(io, { eta: spec.eta, nesterov: spec.nesterov, movesZeros }, step);
  });
}
