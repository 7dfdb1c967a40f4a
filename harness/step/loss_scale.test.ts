import { beforeAll, describe, expect, it } from 'vitest';
import { hostArray } from '../engine/array.ts';
import { startEngine } from '../engine/index.ts';
import { tf } from '../engine/tf.ts';
import type { BoundMethod, BoundModel, Outcome, Step } from '../experiment/index.ts';
import { follow } from '../nn/follow.ts';
import { batchNorm, linear } from '../nn/layers.ts';
import { LossScaleSpec } from '../optim/loss_scale_spec.ts';
import { resolveRules } from '../optim/rules.ts';
import { OptimizerSpec } from '../optim/spec.ts';
import { exactCompat } from '../testing/exact_compat.ts';
import { type StepDefinition, trainableNames } from './definition.ts';
import { Learner } from './learner.ts';
import { runStep } from './step.ts';

beforeAll(startEngine);

const WIDTH = 2;
const BATCH = 2;
const RATE = 0.125;

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

function definition(replicas: number, accumulate: number): StepDefinition {
  const optimizer = OptimizerSpec.parse({ kind: 'sgd', lr: RATE, momentum: 0.5 });
  return {
    ...{ method, model, replicas, batch: BATCH, accumulate, optimizer },
    ...{ size: 1, channels: 3, precision: 'fp32', lossScale: NEAR },
    rules: resolveRules(optimizer, trainableNames(model)),
    compat: exactCompat,
  };
}

/** Rows of a micro-step. @param large the replica whose rows are too large */
function rowsOf(step: number, replicas: number, large: number | undefined): Float32Array {
  return Float32Array.from({ length: replicas * BATCH * WIDTH }, (_, i) => {
    const small = 1 + ((7 * step + 3 * i) % 5) / 4;
    return Math.floor(i / (BATCH * WIDTH)) === large ? LARGE * small : small;
  });
}

/** What the first weight and all that hangs on it are after each micro-step, in plain numbers. */
function slow(replicas: number, accumulate: number, plan: readonly (number | undefined)[]) {
  let [w, v, sum, scale, good, skipped, steps, mean] = [1, 0, 0, 2 ** 120, 0, 0, 0, 0];
  let [before, after, overflow] = [1, 1, false];
  return plan.map((large, step) => {
    const rows = rowsOf(step, replicas, large).filter((_, i) => i % WIDTH === 0);
    const own = rows.filter((_, i) => i < BATCH);
    sum += rows.reduce((a, b) => a + b) / rows.length / accumulate;
    overflow ||= large !== undefined;
    steps++;
    mean = mean / 2 + own.reduce((a, b) => a + b) / BATCH / 2;
    before = before / 2 + w / 2;
    const used = scale;
    const moves = (step + 1) % accumulate === 0;
    const skips = moves && overflow;
    if (skips) [scale, good, skipped] = [scale / 2, 0, skipped + 1];
    else if (moves) {
      v = v / 2 + sum;
      w -= RATE * v;
      good++;
      if (good === 3) [scale, good] = [Math.min(2 * scale, 2 ** 121), 0];
    }
    if (moves) [sum, overflow, after] = [0, false, after / 2 + w / 2];
    const state = { w, v, before, after, steps, mean, scale, good, skipped };
    return { state, scale: used, skipped: Number(skips) };
  });
}

type Taken = ReturnType<typeof slow>[number];

async function taken(
  learner: Learner,
  plan: readonly (number | undefined)[],
  from = 0,
): Promise<Taken[]> {
  const { replicas, accumulate } = learner.definition;
  const found: Taken[] = [];
  for (const [step, large] of [...plan.entries()].slice(from)) {
    const indices = Int32Array.from({ length: replicas * BATCH }, (_, i) => i);
    const batch = { views: [], rows: rowsOf(step, replicas, large), indices, draws: {} };
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

async function withLearner<T>(
  one: StepDefinition,
  body: (learner: Learner) => Promise<T>,
): Promise<T> {
  const learner = new Learner(one);
  try {
    await learner.initialise(0);
    return await body(learner);
  } finally {
    learner.dispose();
  }
}

// A large row at a micro-step without an update spoils the update behind it.
const SHAPES = [
  [1, 1],
  [2, 1],
  [4, 1],
  [2, 2],
  [4, 3],
] as const;

describe.each(SHAPES)('%i replicas, %i micro-steps an update', (replicas, accumulate) => {
  const last = replicas - 1;
  const plan = Array.from({ length: 12 * accumulate }, (_, step) =>
    [2, 3, 8].includes(step / accumulate) ? last : undefined,
  );
  const expected = slow(replicas, accumulate, plan);

  it('an overflow of one replica skips the update of all, and nothing else', async () => {
    const found = await withLearner(definition(replicas, accumulate), (learner) =>
      taken(learner, plan),
    );
    for (const [i, { state, ...said }] of found.entries()) {
      const { state: right, ...saying } = expected[i] ?? expect.unreachable();
      expect(said, `step ${i}`).toEqual(saying);
      for (const [name, value] of Object.entries(right)) {
        const gap = Math.abs(state[name as keyof typeof state] - value);
        expect(gap, `step ${i}: ${name}`).toBeLessThanOrEqual(1e-5 * Math.abs(value));
      }
    }
    // The scale fell and grew again, up to its bound.
    expect(new Set(found.map(({ scale }) => scale)).size).toBeGreaterThan(2);
    expect(found.at(-1)?.state.skipped).toBe(3);
  });

  it('goes on from a saved state without a trace', async () => {
    const cut = 4 * accumulate + 1; // behind two skipped updates, within a third
    const one = definition(replicas, accumulate);
    const [whole, saved] = await withLearner(one, async (learner) => {
      await taken(learner, plan);
      const whole = await learner.save();
      await learner.initialise(0);
      await taken(learner, plan.slice(0, cut));
      return [whole, await learner.save()] as const;
    });
    const resumed = await withLearner(one, async (learner) => {
      await learner.restore(saved);
      await taken(learner, plan, cut);
      return learner.save();
    });
    expect(saved.get('loss_scale.scale')?.data[0]).toBe(2 ** 118);
    expect(resumed).toEqual(whole);
  });
});
