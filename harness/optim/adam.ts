import type { Io } from '../engine/program.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import { decayed, type ParameterStep } from './descend.ts';
import type { AdamSpec } from './spec.ts';

const MEANS = ['mean', 'square'] as const;

/** The states of a parameter: running means of its gradients and of their squares. */
export function adamStates(parameter: string): readonly [string, string] {
  return [`optimizer.mean.${parameter}`, `optimizer.square.${parameter}`];
}

/** The states that all parameters share: what the same running means of nothing but ones are by now. */
export const ONES = MEANS.map((mean) => `optimizer.${mean}_of_ones`);

/**
 * Moves the means of ones on by a step: 1 - beta^t, by which means that begin at 0 are divided. As a running
 * mean it keeps all its digits at the first steps, where 1 - beta^t in float32 would lose three.
 */
export function onesOf(io: Io, { betas }: AdamSpec, constant: ParameterStep['constant']): Tensor[] {
  return ONES.map((name, i) => {
    const beta = betas[i] ?? 0;
    const next = tf.add(tf.mul(io.read(name), constant(beta)), constant(1 - beta));
    io.assign(name, next);
    return next;
  });
}

/**
 * One step of torch.optim.Adam, with g + weightDecay w for g, or of AdamW, where w loses
 * rate weightDecay w beforehand: m = beta1 m + (1 - beta1) g; s = beta2 s + (1 - beta2) g^2;
 * w -= rate (m / ones1) / (sqrt(s / ones2) + epsilon).
 */
export function adamStep(
  io: Io,
  { kind, betas, epsilon }: AdamSpec,
  [ones1, ones2]: readonly Tensor[],
  step: ParameterStep,
): void {
  const { name, rule, rate, constant } = step;
  const gradient = kind === 'adam' ? decayed(io, step) : step.gradient;
  const [mean, square] = adamStates(name);
  const moved = (state: string, beta: number, x: Tensor) =>
    tf.add(tf.mul(io.read(state), constant(beta)), tf.mul(x, constant(1 - beta)));
  const m = moved(mean, betas[0], gradient);
  const s = moved(square, betas[1], tf.square(gradient));
  io.assign(mean, m);
  io.assign(square, s);
  if (ones1 === undefined || ones2 === undefined) throw new Error('adam: the means of ones');
  const size = tf.add(tf.div(tf.sqrt(s), tf.sqrt(ones2)), constant(epsilon));
  const kept =
    kind === 'adamw' && rule.weightDecay !== 0
      ? tf.mul(io.read(name), tf.sub(constant(1), tf.mul(rate, constant(rule.weightDecay))))
      : io.read(name);
  io.assign(name, tf.sub(kept, tf.mul(tf.div(m, size), tf.div(rate, ones1))));
}
