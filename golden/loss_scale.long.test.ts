import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../harness/engine/index.ts';
import type { LossScaleSpec } from '../harness/optim/loss_scale_spec.ts';
import { Learner } from '../harness/step/learner.ts';
import {
  advance,
  type SmallRun,
  scalarOf,
  smallDefinition,
} from '../harness/testing/method_suite.ts';
import { STEPS } from './narrow_steps.ts';

beforeAll(startEngine);

/** State and losses of some micro-steps, without what a loss scale has of its own. */
async function trained(run: SmallRun, lossScale?: LossScaleSpec) {
  const learner = new Learner({ ...smallDefinition(run), lossScale });
  try {
    await learner.initialise(0);
    const outputs = await advance(learner, 0, 6);
    const state = [...(await learner.save())].filter(([name]) => !name.startsWith('loss_scale.'));
    return { state: new Map(state), losses: outputs.map((output) => scalarOf(output, 'loss')) };
  } finally {
    learner.dispose();
  }
}

// The backward pass is linear in the scale, so every bit of float32 stays where the scale only moves exponents.
describe('a scale that is a power of two changes no bit of training in float32', () => {
  it.each(Object.entries(STEPS))('%s', async (_, run) => {
    const one = { ...run, replicas: 2, accumulate: 2 };
    const scale = { kind: 'dynamic', initial: 1024, growth: 2, backoff: 0.5, max: 4096 } as const;
    const scaled = await trained(one, { ...scale, interval: 1 });
    expect(scaled).toEqual(await trained(one));
    expect(scaled.losses.every(Number.isFinite)).toBe(true);
  });
});
