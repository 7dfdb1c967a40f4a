import type { Io } from '../engine/program.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import { adamStates, adamStep, ONES, onesOf } from './adam.ts';
import { clipped } from './clip.ts';
import { BEGUN, isDamped, momentumState, type ParameterStep } from './descend.ts';
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
  if (isAdam(spec)) {
    const own = parameters.flatMap(({ name, shape }) =>
      adamStates(name).map((state) => ({ name: state, shape })),
    );
    return [...own, ...ONES.map((name) => ({ name, shape: [] }))];
  }
  const moving = parameters
    .filter(({ name }) => rules.get(name)?.momentum !== 0)
    .map(({ name, shape }) => ({ name: momentumState(name), shape }));
  return [...rules.values()].some(isDamped) ? [...moving, { name: BEGUN, shape: [] }] : moving;
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
  const take = stepOf(io, spec, movesZeros, constant);
  parameters.forEach(({ name, rule, gradient }, i) => {
    const rate =
      rule.lrMultiplier === 1 ? learningRate : tf.mul(learningRate, constant(rule.lrMultiplier));
    take({ name, rule, gradient: bounded[i] ?? gradient, rate, constant });
  });
  if (parameters.some(({ rule }) => isDamped(rule))) io.assign(BEGUN, constant(1));
}

/** What an optimiser does to one parameter. */
function stepOf(
  io: Io,
  spec: OptimizerSpec,
  movesZeros: boolean,
  constant: ParameterStep['constant'],
): (step: ParameterStep) => void {
  if (isAdam(spec)) {
    const ones = onesOf(io, spec, constant);
    return (step) => adamStep(io, spec, ones, step);
  }
  if (spec.kind === 'sgd') return (step) => sgdStep(io, step);
  return (step) => larsStep(io, { movesZeros }, step);
}

function isAdam(spec: OptimizerSpec): spec is Extract<OptimizerSpec, { kind: 'adam' | 'adamw' }> {
  return spec.kind === 'adam' || spec.kind === 'adamw';
}
