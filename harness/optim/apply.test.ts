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

describe('gradient clipping', () => {
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
  ])('refuses %j', (value, message) => {
    expect(() => OptimizerSpec.parse(value)).toThrow(message);
  });
});
