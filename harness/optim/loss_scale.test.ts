import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readJson } from '../base/json_file.ts';
import { zeros } from '../engine/array.ts';
import { startEngine } from '../engine/index.ts';
import { Program } from '../engine/program.ts';
import { type Scalar, type Tensor, tf } from '../engine/tf.ts';
import { floats } from '../testing/evaluate.ts';
import { applyOptimizer, optimizerState } from './apply.ts';
import { checkedScale, lossScaleOf, lossScaleState } from './loss_scale.ts';
import { LossScaleSpec } from './loss_scale_spec.ts';
import { resolveRules } from './rules.ts';
import { OptimizerSpec } from './spec.ts';

beforeAll(startEngine);

interface Taken {
  readonly scale: number;
  readonly skipped: boolean;
  readonly state: ReadonlyMap<string, readonly number[]>;
}

/** Steps of an optimiser on the loss <w, x>, whose gradient, before it is divided, is x times the scale. */
async function steps(
  scale: LossScaleSpec,
  optimizer: OptimizerSpec,
  start: readonly number[],
  rows: readonly (readonly number[])[],
): Promise<Taken[]> {
  const program = new Program();
  const [name, shape] = ['w', [start.length]] as const;
  const spec = { dtype: 'float32', shape } as const;
  const scalar = { dtype: 'float32', shape: [] } as const;
  try {
    const own = optimizerState(optimizer, [{ name, shape }]);
    const numbers = [...lossScaleState(scale)];
    program.state(name, spec);
    for (const state of own) program.state(state.name, { ...scalar, shape: state.shape });
    for (const [state] of numbers) program.state(state, scalar);
    program.entry('step', {
      inputs: { x: spec, lr: scalar },
      build: (io) => {
        const { x, lr } = io.inputs as { readonly x: Tensor; readonly lr: Tensor };
        const scaling = lossScaleOf(io, scale);
        const loss = (w: Tensor) => scaling.scaled(tf.sum<Scalar>(tf.mul(w, x)));
        const [gradient = x] = scaling.unscaled(tf.grads(loss)([io.read(name)]));
        const rule = resolveRules(optimizer, [name]).get(name) ?? expect.unreachable();
        return scaling.update([gradient], (guarded) =>
          applyOptimizer(guarded, optimizer, [{ name, gradient, rule }], lr),
        );
      },
    });
    await program.writeStates([
      [name, floats(shape, start)],
      ...own.map((state) => [state.name, zeros('float32', state.shape)] as const),
      ...numbers.map(([state, value]) => [state, floats([], [value])] as const),
    ]);
    const names = [...program.stateSpecs().keys()];
    const taken: Taken[] = [];
    for (const row of rows) {
      const inputs = { x: Float32Array.from(row), lr: Float32Array.of(optimizer.lr) };
      const { loss_scale, skipped_updates } = await program.run('step', inputs);
      const values = await program.readStates(names);
      const state = values.map(
        ({ data }, i) => [names[i] ?? '', Array.from(data, Number)] as const,
      );
      taken.push({
        scale: Number(loss_scale?.data[0]),
        skipped: skipped_updates?.data[0] === 1,
        state: new Map(state),
      });
    }
    return taken;
  } finally {
    program.dispose();
  }
}

const numbers = z.array(z.number());
const Fixture = z.object({
  inputs: z.array(numbers),
  cases: z.array(
    z.object({
      name: z.string(),
      scaling: z.record(z.string(), z.number()),
      optimizer: z.looseObject({ lr: z.number() }),
      steps: z.array(
        z.object({
          scale: z.number(),
          skipped: z.boolean(),
          next: z.number(),
          tracker: z.number(),
          weights: numbers,
          momentum: numbers.nullable(),
        }),
      ),
    }),
  ),
});
const file = join(import.meta.dirname, '../../golden/loss_scale/torch.json');
const fixture = Fixture.parse(readJson(file, 'what GradScaler does'));
const COUNT = 5;
const LINE = Array.from({ length: COUNT }, (_, i) => (2 * i) / (COUNT - 1) - 1);

describe('a loss scale is that of torch.amp.GradScaler, step by step', () => {
  it.each(fixture.cases)('$name', async ({ scaling, optimizer, steps: expected }) => {
    const { init_scale, growth_factor = 1, backoff_factor = 1, growth_interval } = scaling;
    const moves = growth_interval !== 1e9;
    const scale = LossScaleSpec.parse(
      moves
        ? {
            kind: 'dynamic',
            initial: init_scale,
            growth: growth_factor,
            backoff: backoff_factor,
            interval: growth_interval,
            max: 1e38,
          }
        : init_scale,
    );
    const spec = OptimizerSpec.parse({ kind: 'sgd', ...optimizer });
    const found = await steps(scale, spec, LINE, fixture.inputs);
    expect(found.map(({ skipped }) => skipped)).toEqual(expected.map(({ skipped }) => skipped));
    expect(found.map((step) => step.scale)).toEqual(expected.map((step) => step.scale));
    let total = 0;
    for (const [i, { state }] of found.entries()) {
      const { next, tracker, skipped, weights, momentum } = expected[i] ?? expect.unreachable();
      total += Number(skipped);
      expect(state.get('loss_scale.scale')).toEqual([next]);
      if (moves) expect(state.get('loss_scale.good')).toEqual([tracker]);
      expect(state.get('loss_scale.skipped')).toEqual([total]);
      near(state.get('w'), weights);
      if (momentum !== null) near(state.get('optimizer.momentum.w'), momentum);
    }
    // Else the case would say nothing.
    expect(total).toBeGreaterThan(2);
    expect(total).toBeLessThan(expected.length / 2);
  });
});

/** Both round to float32 at every step, but not in the same places. */
function near(found: readonly number[] | undefined, expected: readonly number[]): void {
  const size = Math.max(...expected.map(Math.abs));
  const gaps = expected.map((value, i) => Math.abs((found?.[i] ?? Number.NaN) - value));
  expect(Math.max(...gaps)).toBeLessThanOrEqual(2e-6 * size);
}

const optimizers = {
  plain: { kind: 'sgd', lr: 0.1, momentum: 0, weightDecay: 0.01 },
  momentum: { kind: 'sgd', lr: 0.1, momentum: 0.9, weightDecay: 0.01 },
  nesterov: { kind: 'sgd', lr: 0.1, momentum: 0.9, nesterov: true },
  dampened: { kind: 'sgd', lr: 0.1, momentum: 0.9, dampening: 0.5 },
  clipped: { kind: 'sgd', lr: 0.1, momentum: 0.9, gradClip: 0.5 },
  lars: { kind: 'lars', lr: 0.1, momentum: 0.9, weightDecay: 0.01 },
  adam: { kind: 'adam', lr: 0.1, weightDecay: 0.01 },
  adamw: { kind: 'adamw', lr: 0.1, weightDecay: 0.01 },
} as const;

/** What an optimiser leaves behind, without what a loss scale does. */
function learnt({ state }: Taken): object {
  return Object.fromEntries([...state].filter(([name]) => !name.startsWith('loss_scale.')));
}

describe.each(Object.entries(optimizers))('with %s', (_, value) => {
  const optimizer = OptimizerSpec.parse(value);
  const bad = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e38];
  const dynamic = LossScaleSpec.parse({ kind: 'dynamic', initial: 1024, interval: 2 });

  it('an update with a gradient that is not finite leaves everything as it was', async () => {
    const good = [0.5, -1, 0.25];
    const rows = [good, ...bad.map((x) => [0.5, x, 0.25]), good];
    const taken = await steps(dynamic, optimizer, [1, -2, 3], rows);
    expect(taken.map(({ skipped }) => skipped)).toEqual([false, true, true, true, true, false]);
    const [first, ...rest] = taken.map(learnt);
    for (const state of rest.slice(0, -1)) expect(state).toEqual(first);
    const again = await steps(dynamic, optimizer, [1, -2, 3], [good, good]);
    expect(rest.at(-1)).toEqual(learnt(again.at(-1) ?? expect.unreachable()));
  });

  it('a scale that is a power of two changes no bit of an update', async () => {
    const rows = [
      [0.5, -1, 0.3],
      [0.1, 2, -0.7],
      [0, 0, 1e-3],
    ];
    const [one, large] = [1, 2 ** 20].map((scale) => steps(scale, optimizer, [1, -2, 3], rows));
    expect((await large)?.map(learnt)).toEqual((await one)?.map(learnt));
  });
});

it('a scale grows as far as its bound', async () => {
  const scale = LossScaleSpec.parse({
    kind: 'dynamic',
    initial: 8,
    growth: 4,
    interval: 1,
    max: 100,
  });
  const optimizer = OptimizerSpec.parse(optimizers.plain);
  const taken = await steps(scale, optimizer, [1], [[1], [1], [1], [1]]);
  expect(taken.map((step) => step.scale)).toEqual([8, 32, 100, 100]);
});

/** apex's LossScaler and GradScaler alike, in plain numbers. */
function slow(
  { initial, growth, backoff, interval, max }: Exclude<LossScaleSpec, number>,
  overflows: readonly boolean[],
): number[] {
  let [scale, good] = [initial, 0];
  return overflows.map((overflow) => {
    const now = scale;
    good = overflow ? 0 : good + 1;
    if (overflow) scale *= backoff;
    else if (good === interval) [scale, good] = [Math.min(scale * growth, max), 0];
    return now;
  });
}

it('is what the formula says, whatever overflows', async () => {
  const settings = fc.record({
    initial: fc.constantFrom(1, 256, 65536),
    growth: fc.constantFrom(1, 2, 4),
    backoff: fc.constantFrom(0.25, 0.5, 1),
    interval: fc.integer({ min: 1, max: 4 }),
    max: fc.constantFrom(65536, 131072, 2 ** 24),
  });
  const property = fc.asyncProperty(
    settings,
    fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }),
    async (chosen, overflows) => {
      const scale = { kind: 'dynamic', ...chosen } as const;
      const rows = overflows.map((overflow) => [overflow ? Number.NaN : 1]);
      const taken = await steps(scale, OptimizerSpec.parse(optimizers.momentum), [1], rows);
      expect(taken.map((step) => step.scale)).toEqual(slow(scale, overflows));
      expect(taken.map(({ skipped }) => skipped)).toEqual(overflows);
    },
  );
  await fc.assert(property, { seed: 24, numRuns: 20 });
});

it('fifty skipped updates in a row are an error, those before are not', async () => {
  const rows = Array.from({ length: 51 }, () => [Number.NaN]);
  const taken = await steps(64, OptimizerSpec.parse(optimizers.plain), [1], rows);
  const lost = taken.map(({ state }) => state.get('loss_scale.lost')?.[0] ?? Number.NaN);
  expect(lost).toEqual(rows.map((_, i) => i + 1));
  const outputs = (i: number) => ({ loss: 1, loss_scale: 64, 'loss_scale.lost': lost[i] ?? 0 });
  expect(checkedScale(outputs(48))).toEqual({ loss: 1, loss_scale: 64 });
  expect(() => checkedScale(outputs(49))).toThrow(
    /lossScale: the gradients of 50 updates in a row were not finite, the last with a scale of 64/,
  );
});

it.each([
  [{ kind: 'dynamic', initial: 2 ** 25 }, 'expected an initial scale of at most max'],
  [{ kind: 'dynamic', backoff: 2 }, '<=1'],
  [0, '>0'],
])('%j is refused', (value, message) => {
  expect(() => LossScaleSpec.parse(value)).toThrow(message);
});
