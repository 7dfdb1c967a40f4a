import { alone, type Layout } from '../cluster/layout.ts';
import { hostArray } from '../engine/array.ts';
import { tf } from '../engine/tf.ts';
import type { BoundMethod, BoundModel, Outcome, Step } from '../experiment/index.ts';
import { follow } from '../nn/follow.ts';
import { batchNorm, linear } from '../nn/layers.ts';
import { LossScaleSpec } from '../optim/loss_scale_spec.ts';
import { resolveRules } from '../optim/rules.ts';
import { OptimizerSpec } from '../optim/spec.ts';
import { exactCompat } from '../testing/exact_compat.ts';
import { type StepDefinition, trainableNames } from './definition.ts';
import { Learner, type LearnerOptions } from './learner.ts';
import { runStep } from './step.ts';

export const WIDTH = 2;
export const BATCH = 2;
export const RATE = 0.125;

/** A network of one output, what follows it in both ways, running statistics and a counter. */
const model: BoundModel = {
  networks: {
    net: linear({
      inputs: WIDTH,
      outputs: 1,
      bias: false,
      initial: { kind: 'constant', value: 1 },
    }),
    norm: batchNorm({ channels: WIDTH, affine: false, momentum: 0.5 }),
  },
  followers: { before: 'net', after: 'net' },
  backbone: 'net.',
  cached: { width: WIDTH },
  state: {
    steps: {
      dtype: 'float32',
      shape: [],
      initial: () => hostArray('float32', [], Float32Array.of(0)),
    },
  },
  entries: {},
};

/** The gradient of the weight is the mean of the rows. */
function loss(step: Step): Outcome {
  step.forward('norm', step.rows);
  return {
    loss: tf.mean(step.forward('net', step.rows)),
    followers: { before: follow(step.parameters('before'), step.parameters('net'), 0.5) },
    afterUpdate: (parameters) => ({
      after: follow(step.parameters('after'), parameters('net'), 0.5),
    }),
    state: { steps: tf.add(step.state('steps'), tf.scalar(1)) },
  };
}

const method: BoundMethod = {
  kind: 'mean',
  views: 0,
  draws: [],
  labels: false,
  chance: false,
  channels: 3,
  cached: true,
  frozenBackbone: false,
  scalars: () => ({}),
  check: () => undefined,
  checkData: () => undefined,
  warnings: () => [],
  model: () => model,
  loss,
};

/** So near the end of float32 that a gradient of 1000 overflows, and one of 1 does not. */
const NEAR = LossScaleSpec.parse({
  kind: 'dynamic',
  initial: 2 ** 120,
  interval: 3,
  max: 2 ** 121,
});
const LARGE = 1000;

export function definition(replicas: number, accumulate: number): StepDefinition {
  const optimizer = OptimizerSpec.parse({ kind: 'sgd', lr: RATE, momentum: 0.5 });
  return {
    ...{ method, model, replicas, batch: BATCH, accumulate, optimizer },
    ...{ size: 1, channels: 3, precision: 'fp32', lossScale: NEAR },
    rules: resolveRules(optimizer, trainableNames(model)),
    compat: exactCompat,
  };
}

/** Rows of a micro-step. @param large the replica whose rows are too large */
export function rowsOf(step: number, replicas: number, large: number | undefined): Float32Array {
  return Float32Array.from({ length: replicas * BATCH * WIDTH }, (_, i) => {
    const small = 1 + ((7 * step + 3 * i) % 5) / 4;
    return Math.floor(i / (BATCH * WIDTH)) === large ? LARGE * small : small;
  });
}

/** For each micro-step the replica whose rows are too large, or none. */
export type Plan = readonly (number | undefined)[];

/** What a micro-step says, and what it leaves. */
export interface Taken {
  readonly scale: number;
  readonly skipped: number;
  readonly state: Readonly<Record<string, number>>;
}

/**
 * Takes micro-steps with the replicas of this process.
 * @param plan which replica has too large rows in each, or none
 * @param from the first that is taken
 */
export async function taken(
  learner: Learner,
  plan: Plan,
  {
    from = 0,
    layout = alone(learner.definition.replicas),
  }: { from?: number; layout?: Layout } = {},
): Promise<Taken[]> {
  const { replicas, accumulate } = learner.definition;
  const found: Taken[] = [];
  for (const [step, large] of [...plan.entries()].slice(from)) {
    const indices = Int32Array.from({ length: replicas * BATCH }, (_, i) => i);
    const size = (replicas / layout.processes) * BATCH * WIDTH;
    const rows = rowsOf(step, replicas, large).subarray(
      layout.rank * size,
      (layout.rank + 1) * size,
    );
    const batch = { views: [], rows, indices, draws: {} };
    const rate = (step + 1) % accumulate === 0 ? RATE : undefined;
    const outputs = await runStep(learner.program, batch, { rate });
    const state = await learner.save();
    const first = (name: string) => Number(state.get(name)?.data[0] ?? Number.NaN);
    found.push({
      state: {
        w: first('net.weight'),
        v: first('optimizer.momentum.net.weight'),
        before: first('before.weight'),
        after: first('after.weight'),
        steps: first('steps'),
        mean: first('norm.running_mean'),
        scale: first('loss_scale.scale'),
        good: first('loss_scale.good'),
        skipped: first('loss_scale.skipped'),
      },
      scale: Number(outputs.loss_scale?.data[0]),
      skipped: Number(outputs.skipped_updates?.data[0]),
    });
  }
  return found;
}

export async function withLearner<T>(
  one: StepDefinition,
  body: (learner: Learner) => Promise<T>,
  options: LearnerOptions = {},
): Promise<T> {
  const learner = new Learner(one, options);
  try {
    await learner.initialise(0);
    return await body(learner);
  } finally {
    learner.dispose();
  }
}
