import { expect, it } from 'vitest';
import { stream } from '../../random/stream.ts';
import { mayRun } from '../graph/audit.ts';
import { startEngine } from '../index.ts';
import { op1 } from '../op.ts';
import { Program } from '../program.ts';
import { type Tensor, tf } from '../tf.ts';
import { inverseRoot } from './inverse_root.ts';

await startEngine();
const COUNT = 4099; // whole vectors, and some that are left over

it('has the bits of IEEE 754, value by value, on whatever CPU', async () => {
  const random = stream(0, 'test', 'inverse root');
  const x = Float32Array.from({ length: COUNT }, () => 10 ** (8 * random.uniform() - 5));
  const program = new Program();
  try {
    program.entry('roots', {
      inputs: { x: { dtype: 'float32', shape: [COUNT] } },
      build: ({ inputs }) => ({
        y: inverseRoot(inputs.x ?? expect.unreachable()),
        ...more(inputs.x),
      }),
    });
    const { y } = await program.run('roots', { x });
    const expected = x.map((value) => 1 / Math.fround(Math.sqrt(value)));
    expect(y?.data).toEqual(expected);
    const types = (await program.compiled('roots', { x })).map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['Sqrt', 'RealDiv', 'Neg']));
    expect(types.filter((type) => !mayRun(type, 'cpu') && !type.startsWith('_'))).toEqual([]);
  } finally {
    program.dispose();
  }
});

// TensorFlow's optimiser leaves graphs of less than four ops as they are.
function more(x: Tensor | undefined) {
  const scaled = tf.mul(x ?? expect.unreachable(), tf.scalar(0.5));
  return { more: tf.mul(scaled, inverseRoot(tf.add(scaled, tf.scalar(1e-5)))) };
}

it.each([
  ['a constant', () => tf.scalar(1)],
  ['several', () => tf.ones([COUNT])],
  ['one of another shape', () => tf.reshape(tf.scalar(1), [1])],
])('dividing %s of one is refused on a CPU: it becomes Reciprocal', (_, ones) => {
  expect(() => dividing(ones)).toThrow(/RealDiv divides ones.*oneOver/);
  expect(() => dividing(() => tf.scalar(2))).not.toThrow();
});

it.each([
  ['constants', () => tf.fill([COUNT], 3)],
  ['a row of constants', () => tf.reshape(tf.range(1, COUNT + 1, 1, 'float32'), [1, COUNT])],
  ['what follows from constants', () => tf.add(tf.ones([COUNT]), tf.scalar(2))],
])('dividing by %s is refused on a CPU: the folded graph has their Reciprocal', (_, divisor) => {
  expect(() => dividing(undefined, divisor)).toThrow(/RealDiv divides by constants.*Multiply/);
  expect(() => dividing(undefined, () => tf.scalar(3))).not.toThrow();
});

/** By what the program is given, or dividing that, where one of both is left out. */
function dividing(dividend?: () => Tensor, divisor?: () => Tensor): void {
  const program = new Program();
  try {
    program.entry('quotient', {
      inputs: { x: { dtype: 'float32', shape: [COUNT] } },
      build: ({ inputs: { x = expect.unreachable() } }) => ({
        y: tf.div(dividend?.() ?? x, divisor?.() ?? x),
      }),
    });
  } finally {
    program.dispose();
  }
}

// The processor's estimates decide their last bit: vrsqrt14ps, vrcp14ps and their like.
it.each(['Rsqrt', 'Reciprocal'])('%s is refused on a CPU', (type) => {
  const program = new Program();
  try {
    expect(() =>
      program.entry('estimate', {
        inputs: { x: { dtype: 'float32', shape: [COUNT] } },
        build: ({ inputs }) => ({ y: op1(type, [inputs.x ?? expect.unreachable()]) }),
      }),
    ).toThrow(type);
  } finally {
    program.dispose();
  }
});
