import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../engine/index.ts';
import {
  BATCH,
  definition,
  type Plan,
  RATE,
  rowsOf,
  taken,
  WIDTH,
  withLearner,
} from './loss_scale.fixture.ts';

beforeAll(startEngine);

/** What the first weight and all that hangs on it are after each micro-step, in plain numbers. */
function slow(replicas: number, accumulate: number, plan: Plan) {
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
        const gap = Math.abs((state[name] ?? Number.NaN) - value);
        expect(gap, `step ${i}: ${name}`).toBeLessThanOrEqual(1e-5 * Math.abs(value));
      }
    }
    // The scale fell and grew again, up to its bound.
    expect(new Set(found.map(({ scale }) => scale)).size).toBeGreaterThan(2);
    expect(found.at(-1)?.state.skipped).toBe(3);
  });

  it('replicas one after another leave the same bits', async () => {
    const one = definition(replicas, accumulate);
    const run = async (sequential: boolean) =>
      withLearner(one, async (learner) => [await taken(learner, plan), await learner.save()], {
        sequential,
      });
    expect(await run(true)).toEqual(await run(false));
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
      await taken(learner, plan, { from: cut });
      return learner.save();
    });
    expect(saved.get('loss_scale.scale')?.data[0]).toBe(2 ** 118);
    expect(resumed).toEqual(whole);
  });
});
