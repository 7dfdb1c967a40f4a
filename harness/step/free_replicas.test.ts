import { beforeAll, describe, expect, it } from 'vitest';
import { Meetings } from '../cluster/meetings.ts';
import { bytesOf, type HostArray } from '../engine/array.ts';
import { startEngine } from '../engine/index.ts';
import { relu } from '../engine/ops/activation.ts';
import { conv2d } from '../engine/ops/convolution.ts';
import { addBias } from '../engine/ops/linear.ts';
import { batchNormSync, batchNormTrain } from '../engine/ops/normalization.ts';
import { globalAvgPool } from '../engine/ops/pooling.ts';
import { type InputSpec, type Io, Program, type Sizes } from '../engine/program.ts';
import { activeGraph, detached, type Scalar, type Tensor, tf } from '../engine/tf.ts';
import { normal } from '../testing/agree.ts';
import { joinedOtherwise } from '../testing/joined_ops.ts';
import { oneByOne } from './sequential.ts';

beforeAll(startEngine);

const weights = {
  first: [3, 3, 2, 4],
  second: [3, 3, 4, 4],
  scale: [4],
  shift: [4],
  bias: [4],
} as const;
const names = Object.keys(weights) as (keyof typeof weights)[];
const SETTINGS = { epsilon: 1e-5, momentum: 0.1 };
const REPLICAS = 2;
const range = { least: 40, most: 90 };
const sizes = Object.fromEntries(
  Array.from({ length: REPLICAS }, (_, r) => [`height${r}`, `width${r}`])
    .flat()
    .map((name) => [name, range]),
);

const inputs: Record<string, InputSpec & { readonly shape: (s: Sizes) => number[] }> = {
  ...Object.fromEntries(
    names.map((name) => [name, { dtype: 'float32', shape: () => [...weights[name]] }] as const),
  ),
  upstream: { dtype: 'float32', shape: () => [4, 1] },
  ...Object.fromEntries(
    Array.from({ length: REPLICAS }, (_, r) => {
      const shape = (s: Sizes) => [2, s[`height${r}`] ?? 0, s[`width${r}`] ?? 0, 2];
      return [`images${r}`, { dtype: 'float32', shape }] as const;
    }),
  ),
};

/** Gradients of replicas whose images have sizes of their own, all together or one after another. */
const build = (norm: 'batch' | 'sync', sequential: boolean) => (io: Io) => {
  const graph = activeGraph();
  const input = (name: string) => io.inputs[name] as Tensor;
  const parameters = Array.from({ length: REPLICAS }, () =>
    names.map((name) => detached(input(name))),
  );
  const meetings = new Meetings(REPLICAS);
  const statistics = { mean: tf.zeros([4]), variance: tf.ones([4]) };
  const seen: Record<string, Tensor> = {};
  const part = (replica: number, [first, second, scale, shift, bias]: readonly Tensor[]) => {
    const normed = (place: string, x: Tensor) => {
      const [k, b] = [scale as Tensor, shift as Tensor];
      const { value, state } =
        norm === 'batch'
          ? batchNormTrain(x, k, b, statistics, SETTINGS)
          : batchNormSync(x, k, b, statistics, SETTINGS, meetings.at(place, replica));
      seen[`mean of ${place} ${replica}`] = tf.keep(state.mean);
      seen[`variance of ${place} ${replica}`] = tf.keep(state.variance);
      return value;
    };
    const wide = conv2d(input(`images${replica}`), first as Tensor, { padding: 1 });
    const inner = conv2d(relu(normed('one', wide)), second as Tensor, { stride: 2, padding: 1 });
    const last = conv2d(relu(normed('two', inner)), second as Tensor, { padding: 1 });
    const mean = globalAvgPool(relu(addBias(last, bias as Tensor)));
    return tf.sum(tf.matMul(mean as Tensor, input('upstream')));
  };
  const loss = (...all: Tensor[]) =>
    parameters
      .map((own, r) =>
        graph.inPart(r, () => part(r, all.slice(r * own.length, (r + 1) * own.length))),
      )
      .reduce((a, b) => tf.add(a, b)) as Scalar;
  const { value, grads: gradients } = tf.valueAndGrads(loss)(parameters.flat());
  seen.loss = value;
  meetings.close();
  const each = parameters.map((own, r) => gradients.slice(r * own.length, (r + 1) * own.length));
  if (sequential) oneByOne(each);
  each.forEach((own, r) => {
    for (const [i, name] of names.entries()) seen[`${name} ${r}`] = own[i] as Tensor;
  });
  return seen;
};

function batchAt(at: Sizes) {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { shape }]) => [name, normal(name, ...shape(at)).data]),
  );
}

function bitsOf(outputs: Record<string, HostArray>): Record<string, string> {
  const entries = Object.entries(outputs);
  return Object.fromEntries(
    entries.map(([name, { data }]) => [name, Buffer.from(bytesOf(data)).toString('base64')]),
  );
}

async function alone(at: Sizes, norm: 'batch' | 'sync', sequential: boolean) {
  const program = new Program();
  const fixed = Object.entries(inputs).map(
    ([name, { dtype, shape }]) => [name, { dtype, shape: shape(at) }] as const,
  );
  program.entry('step', { inputs: Object.fromEntries(fixed), build: build(norm, sequential) });
  const found = bitsOf(await program.run('step', batchAt(at)));
  program.dispose();
  return found;
}

const APART = { height0: 61, width0: 90, height1: 84, width1: 43 };
const ALIKE = { height0: 57, width0: 72, height1: 57, width1: 72 };

describe('replicas whose images have sizes of their own', () => {
  it.each([
    ['batch', [APART, ALIKE]],
    // Replicas that have counts of their own at each place are not traced but for all sizes.
    ['sync', [ALIKE]],
  ] as const)(
    'compute what graphs of their sizes compute, also in turns: %s norms',
    async (norm, all) => {
      const program = new Program();
      for (const sequential of [false, true])
        program.entry(`step_${sequential}`, { sizes, inputs, build: build(norm, sequential) });
      for (const at of all)
        for (const sequential of [false, true])
          expect(bitsOf(await program.run(`step_${sequential}`, batchAt(at), at))).toEqual(
            await alone(at, norm, sequential),
          );
      const [together, turns] = [
        await program.run('step_false', batchAt(APART), APART),
        await program.run('step_true', batchAt(APART), APART),
      ];
      expect(bitsOf(turns)).toEqual(bitsOf(together));
      program.dispose();
    },
  );

  // Values are the same at many sizes where ops are not.
  it.each(['batch', 'sync'] as const)(
    'are ops of the same kinds in turns: %s norms',
    async (norm) => {
      const opsOf = async (sequential: boolean) => {
        const program = new Program();
        program.entry('step', { sizes, inputs, build: build(norm, sequential) });
        const ops = await program.compiled('step', batchAt(APART), APART);
        program.dispose();
        return ops;
      };
      const ops = await opsOf(false);
      const types = ops.map(({ type }) => type);
      expect(types.filter((type) => /FilterWithBias$/.test(type))).toHaveLength(REPLICAS);
      expect(joinedOtherwise(ops, await opsOf(true))).toEqual([]);
    },
  );

  it('have shared statistics in which every value weighs the same', async () => {
    const program = new Program();
    program.entry('step', {
      sizes,
      inputs: { images0: inputs.images0 as InputSpec, images1: inputs.images1 as InputSpec },
      build: (io) => {
        const meetings = new Meetings(REPLICAS);
        const [zero, one] = [tf.zeros([2]), tf.ones([2])];
        const states = Array.from({ length: REPLICAS }, (_, r) => {
          const x = io.inputs[`images${r}`] as Tensor;
          const options = { ...SETTINGS, momentum: 1 };
          const made = batchNormSync(
            x,
            one,
            zero,
            { mean: zero, variance: one },
            options,
            meetings.at('norm', r),
          );
          return made.state;
        });
        meetings.close();
        return { mean: states[0]?.mean as Tensor, variance: states[1]?.variance as Tensor };
      },
    });
    const { images0, images1 } = batchAt(APART);
    const data = { images0: images0 as Float32Array, images1: images1 as Float32Array };
    const { mean, variance } = await program.run('step', data, APART);
    for (const c of [0, 1]) {
      const own = Object.values(data).flatMap((list) => [...list].filter((_, i) => i % 2 === c));
      const middle = own.reduce((a, b) => a + b) / own.length;
      const spread = own.reduce((sum, x) => sum + (x - middle) ** 2, 0) / (own.length - 1);
      expect(Number(mean?.data[c])).toBeCloseTo(middle, 5);
      expect(Number(variance?.data[c])).toBeCloseTo(spread, 4);
    }
    program.dispose();
  });
});
