import { beforeAll, describe, expect, it } from 'vitest';
import { zeros } from '../engine/array.ts';
import { startEngine } from '../engine/index.ts';
import { Program } from '../engine/program.ts';
import type { Tensor } from '../engine/tf.ts';
import { floats } from '../testing/evaluate.ts';
import { applyOptimizer, optimizerState } from './apply.ts';
import { momentumState } from './descend.ts';
import { type ParameterRule, resolveRules } from './rules.ts';
import { OptimizerSpec } from './spec.ts';

beforeAll(async () => {
  await startEngine();
});

type Vectors = Readonly<Record<string, readonly number[]>>;

/** Weights and momentum after each step of given gradients. */
async function train(
  value: unknown,
  start: Vectors,
  gradients: readonly Vectors[],
  lr: number,
  movesZeros = true,
): Promise<{ weights: number[][]; momentum: number[][] }[]> {
  const spec = OptimizerSpec.parse(value);
  const names = Object.keys(start);
  const rules = resolveRules(spec, names);
  const parameters = names.map((name) => ({ name, shape: [start[name]?.length ?? 0] }));
  const program = new Program();
  try {
    const states = [...parameters, ...optimizerState(spec, parameters)];
    for (const { name, shape } of states) program.state(name, { dtype: 'float32', shape });
    const inputs = parameters.map(
      ({ name, shape }) => [name, { dtype: 'float32', shape }] as const,
    );
    program.entry('step', {
      inputs: { ...Object.fromEntries(inputs), lr: { dtype: 'float32', shape: [] } },
      build: (io) => {
        const input = (name: string) => io.inputs[name] as Tensor;
        const learnable = names.map((name) => ({
          name,
          gradient: input(name),
          rule: rules.get(name) as ParameterRule,
        }));
        applyOptimizer(io, spec, learnable, input('lr'), movesZeros);
        return {};
      },
    });
    await program.writeStates(
      states.map(({ name, shape }) => {
        const own = start[name];
        return [name, own === undefined ? zeros('float32', shape) : floats(shape, own)] as const;
      }),
    );
    const read = async (list: readonly string[]) =>
      list.length === 0
        ? []
        : (await program.readStates(list)).map(({ data }) => Array.from(data, Number));
    const slots = names.map(momentumState).filter((name) => program.stateSpecs().has(name));
    const history: { weights: number[][]; momentum: number[][] }[] = [];
    for (const step of gradients) {
      const feeds = names.map((name) => [name, Float32Array.from(step[name] ?? [])] as const);
      await program.run('step', { ...Object.fromEntries(feeds), lr: Float32Array.of(lr) });
      history.push({ weights: await read(names), momentum: await read(slots) });
    }
    return history;
  } finally {
    program.dispose();
  }
}

function expectNear(actual: readonly number[] | undefined, expected: readonly number[]): void {
  expect(actual?.length).toBe(expected.length);
  for (const [i, value] of expected.entries())
    expect(Math.abs((actual?.[i] ?? Number.NaN) - value)).toBeLessThan(
      1e-6 + 1e-6 * Math.abs(value),
    );
}

describe('LARS', () => {
  it('gives the check values of the formula', async () => {
    const spec = { kind: 'lars', lr: 0.3, momentum: 0.9, weightDecay: 1e-6 };
    const g = { w: [0.6, 0.8] };
    const [first, second] = await train(spec, { w: [3, 4] }, [g, g], 0.3);
    expectNear(first?.weights[0], [2.9991, 3.9988]);
    expectNear(first?.momentum[0], [0.0009, 0.0012]);
    expectNear(second?.weights[0], [2.99739027, 3.99652036]);
    expectNear(second?.momentum[0], [0.00170973, 0.00227964]);
  });
  it('leaves a tensor without gradient and decay as it is', async () => {
    const spec = { kind: 'lars', lr: 0.3 };
    const [only] = await train(spec, { w: [3, 4], z: [0] }, [{ w: [0, 0], z: [0] }], 0.3);
    expect(only?.weights).toEqual([[3, 4], [0]]);
  });
  it('moves a tensor of zeros at the plain rate, and as the original never', async () => {
    const spec = { kind: 'lars', lr: 0.3, weightDecay: 0.1 };
    const start = { z: [0, 0], w: [3, 4] };
    const gradient = { z: [0.6, -0.8], w: [0, 0] };
    const [right] = await train(spec, start, [gradient], 0.3);
    expectNear(right?.weights[0], [-0.18, 0.24]);
    expectNear(right?.weights[1], [3 - 0.3 * 0.3, 4 - 0.3 * 0.4]); // the decay alone
    const [original] = await train(spec, start, [gradient], 0.3, false);
    expect(original?.weights[0]).toEqual([0, 0]);
    expectNear(original?.weights[1], [3 - 0.3 * 0.003, 4 - 0.3 * 0.004]); // eta / decay times it
  });
});

/** torch.optim.SGD in plain numbers. */
function slowSgd(
  w: number,
  gradients: readonly number[],
  {
    lr,
    momentum,
    decay,
    nesterov,
  }: { lr: number; momentum: number; decay: number; nesterov: boolean },
): number {
  let v = 0;
  let weight = w;
  for (const gradient of gradients) {
    const d = gradient + decay * weight;
    v = momentum * v + d;
    weight -= lr * (nesterov ? d + momentum * v : v);
  }
  return weight;
}

describe('SGD', () => {
  it.each([
    { momentum: 0.9, nesterov: false },
    { momentum: 0.9, nesterov: true },
    { momentum: 0, nesterov: false },
  ])('is torch.optim.SGD: %j', async ({ momentum, nesterov }) => {
    const decay = 0.1;
    const spec = { kind: 'sgd', lr: 0.05, momentum, nesterov, weightDecay: decay };
    const gradients = [1, -0.5, 0.25, 3];
    const steps = gradients.map((g) => ({ w: [g, 2 * g] }));
    const history = await train(spec, { w: [1, -2] }, steps, 0.05);
    const options = { lr: 0.05, momentum, decay, nesterov };
    expectNear(history.at(-1)?.weights[0], [
      slowSgd(1, gradients, options),
      slowSgd(
        -2,
        gradients.map((g) => 2 * g),
        options,
      ),
    ]);
    expect(history.at(-1)?.momentum.length).toBe(momentum === 0 ? 0 : 1);
  });
  it('obeys rules by name, the later before the earlier', async () => {
    const spec = {
      kind: 'sgd',
      lr: 1,
      momentum: 0,
      weightDecay: 0.5,
      rules: [
        { match: 'bias', weightDecay: 0 },
        { match: '^head\\.', lrMultiplier: 10 },
        { match: '^head\\.0', lr: 0.25 },
      ],
    };
    const ones = { w: [1], bias: [1], 'head.0.bias': [1], 'head.1.w': [1] };
    const [only] = await train(spec, ones, [ones], 1);
    expect(only?.weights).toEqual([[-0.5], [0], [0.75], [-14]]);
  });
});

// golden/parity has more: sgd_dampening, sgd_nesterov, lars_nesterov, lars_dampening, adam, adamw.
describe('options of a rule', () => {
  it('multiply the base or take its place, the momentum of a first gradient whole', async () => {
    const spec = {
      kind: 'sgd',
      lr: 1,
      momentum: 0.5,
      dampening: 0.25,
      weightDecay: 0.5,
      rules: [
        { match: 'a', momentumMultiplier: 0.5, weightDecayMultiplier: 0, dampeningMultiplier: 2 },
        { match: 'b', momentum: 0, weightDecay: 0 },
        { match: 'c', dampening: 0, weightDecay: 0, lrMultiplier: 0.5 },
      ],
    };
    const ones = { a: [1], b: [1], c: [1] };
    const [first, second] = await train(spec, { a: [0], b: [0], c: [0] }, [ones, ones], 1);
    expect(first?.weights).toEqual([[-1], [-1], [-0.5]]);
    expect(second?.weights).toEqual([[-1 - (0.25 + 0.5)], [-2], [-0.5 - 0.75]]);
    expect(second?.momentum).toEqual([[0.75], [1.5]]);
  });
  it('let single parameters look ahead', async () => {
    const rules = [{ match: 'n', nesterov: true }];
    const spec = { kind: 'sgd', lr: 1, momentum: 0.5, rules };
    const [only] = await train(spec, { n: [0], p: [0] }, [{ n: [1], p: [1] }], 1);
    expect(only?.weights).toEqual([[-1.5], [-1]]);
  });
  it('give LARS another eta', async () => {
    const rules = [
      { match: 'a', etaMultiplier: 2 },
      { match: 'b', eta: 0.03 },
    ];
    const spec = { kind: 'lars', lr: 1, momentum: 0, eta: 0.01, rules };
    const w = [3, 4];
    const [only] = await train(
      spec,
      { a: w, b: w, c: w },
      [{ a: [5, 0], b: [5, 0], c: [5, 0] }],
      1,
    );
    for (const [i, eta] of [0.02, 0.03, 0.01].entries())
      expectNear(only?.weights[i], [3 - 5 * eta, 4]);
  });
  it('cannot keep a rate of their own beside a base of 0', () => {
    const spec = OptimizerSpec.parse({ kind: 'sgd', lr: 0, rules: [{ match: 'w', lr: 1 }] });
    expect(() => resolveRules(spec, ['w'])).toThrow('optimizer.lr: 0, but a rule');
  });
});

describe('Adam', () => {
  it.each(['adam', 'adamw'])('is its formula, step by step: %s', async (kind) => {
    const spec = { kind, lr: 0.1, betas: [0.8, 0.9], epsilon: 0.01, weightDecay: 0.5 };
    const gradients = [1, -0.5, 0.25];
    const history = await train(
      spec,
      { w: [2] },
      gradients.map((g) => ({ w: [g] })),
      0.1,
    );
    let [w, m, v] = [2, 0, 0];
    for (const [i, gradient] of gradients.entries()) {
      const g = kind === 'adam' ? gradient + 0.5 * w : gradient;
      if (kind === 'adamw') w -= 0.1 * 0.5 * w;
      [m, v] = [0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g * g];
      const [first, second] = [m / (1 - 0.8 ** (i + 1)), v / (1 - 0.9 ** (i + 1))];
      w -= (0.1 * first) / (Math.sqrt(second) + 0.01);
      expectNear(history[i]?.weights[0], [w]);
    }
  });
});

describe('gradient clipping', () => {
  it.each([
    [1, 7],
    [3, 91 ** (1 / 3)],
    ['max', 4],
  ] as const)('takes other norms: %s', async (p, norm) => {
    const spec = { kind: 'sgd', lr: 1, momentum: 0, gradClip: { maxNorm: 2, p } };
    const [only] = await train(spec, { a: [0, 0], b: [0] }, [{ a: [3, 0], b: [-4] }], 1);
    expectNear(only?.weights[0], [(-3 * 2) / norm, 0]);
    expectNear(only?.weights[1], [(4 * 2) / norm]);
    const [kept] = await train(spec, { a: [0, 0], b: [0] }, [{ a: [0, 0], b: [0] }], 1);
    expect(kept?.weights).toEqual([[0, 0], [0]]);
  });
  it('scales all gradients by one factor, small ones by none', async () => {
    const spec = { kind: 'sgd', lr: 1, momentum: 0, gradClip: 1 };
    const start = { a: [0, 0], b: [0] };
    const large = { a: [3, 0], b: [4] };
    const small = { a: [0.3, 0], b: [0.4] };
    const [clipped] = await train(spec, start, [large], 1);
    expectNear(clipped?.weights[0], [-0.6, 0]);
    expectNear(clipped?.weights[1], [-0.8]);
    const [kept] = await train(spec, start, [small], 1);
    expect(kept?.weights).toEqual(
      [[-0.3, -0].map(Math.fround), [Math.fround(-0.4)]].map((row) => row.map((x) => x + 0)),
    );
  });
});

describe('the spec', () => {
  it('spells out defaults', () => {
    expect(OptimizerSpec.parse({ kind: 'lars', lr: 1 })).toEqual({
      kind: 'lars',
      lr: 1,
      momentum: 0.9,
      weightDecay: 0,
      nesterov: false,
      rules: [],
      eta: 0.001,
    });
  });
  it.each([
    [{ kind: 'sgd', lr: 1, rules: [{ match: '(' }] }, 'regular expression'],
    [{ kind: 'sgd', lr: 1, rules: [{ match: '\\Aneck' }] }, 'regular expression'],
    [{ kind: 'sgd', lr: 1, rules: [{ match: 'a', lr: 1, lrMultiplier: 2 }] }, 'not both'],
    [{ kind: 'sgd', lr: 1, eta: 0.1 }, 'eta'],
    [{ kind: 'sgd', lr: -1 }, 'lr'],
    [{ kind: 'sgd', lr: 1, momentum: 1.5 }, 'momentum'],
    [{ kind: 'sgd', lr: 1, nesterov: true, dampening: 0.1 }, 'nesterov'],
    [{ kind: 'sgd', lr: 1, rules: [{ match: 'a', eta: 1 }] }, 'eta'],
    [{ kind: 'lars', lr: 1, rules: [{ match: 'a', eta: 1, etaMultiplier: 2 }] }, 'not both'],
    [{ kind: 'adam', lr: 1, momentum: 0.9 }, 'momentum'],
    [{ kind: 'adamw', lr: 1, rules: [{ match: 'a', momentum: 0.9 }] }, 'momentum'],
    [{ kind: 'sgd', lr: 1, gradClip: { maxNorm: 1, p: 0 } }, 'gradClip'],
  ])('refuses %j', (value, message) => {
    expect(() => OptimizerSpec.parse(value)).toThrow(message);
  });
});
