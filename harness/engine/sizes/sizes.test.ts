import { beforeAll, describe, expect, it } from 'vitest';
import { normal } from '../../testing/agree.ts';
import { bytesOf, type HostArray, hostArray } from '../array.ts';
import { startEngine } from '../index.ts';
import { relu } from '../ops/activation.ts';
import { conv2d } from '../ops/convolution.ts';
import { batchNormTrain } from '../ops/normalization.ts';
import { globalAvgPool, maxPool } from '../ops/pooling.ts';
import { type EntryDefinition, type Io, Program, type Sizes } from '../program.ts';
import { type Scalar, type Tensor, tf } from '../tf.ts';
import { findSize, freeSize } from './free_size.ts';

beforeAll(startEngine);

const filters = {
  stem: [7, 7, 3, 8],
  square: [3, 3, 8, 8],
  point: [1, 1, 8, 16],
  shortcut: [1, 1, 8, 16],
  tall: [3, 3, 16, 16],
} as const;
const state = {
  ...filters,
  scale: [8],
  shift: [8],
  mean: [8],
  variance: [8],
} as const;
type Name = keyof typeof state;
const learnt = ['stem', 'square', 'point', 'shortcut', 'tall', 'scale', 'shift'] as const;

const size = (sizes: Sizes, name: string) => sizes[name] ?? 0;

type Seven = [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];

/** A small net with all that detection's backbone has, its gradients, and an update of its state. */
function step(io: Io) {
  const read = (name: Name) => io.read(name);
  let next = { mean: read('mean'), variance: read('variance') };
  const loss = (...values: Tensor[]) => {
    const [stem, square, point, shortcut, tall, scale, shift] = values as Seven;
    const first = conv2d(io.inputs.images as Tensor, stem, { stride: 2, padding: 3 });
    const options = { epsilon: 1e-5, momentum: 0.1 };
    const normed = batchNormTrain(first, scale, shift, next, options);
    next = { mean: tf.keep(normed.state.mean), variance: tf.keep(normed.state.variance) };
    const pooled = maxPool(relu(normed.value), { size: 3, stride: 2, padding: 1 });
    const inner = relu(conv2d(pooled, square, { stride: 2, padding: 1 }));
    const sum = tf.add(conv2d(inner, point), conv2d(pooled, shortcut, { stride: 2 }));
    const last = conv2d(relu(sum), tall, { padding: 1 });
    const mean = globalAvgPool(last);
    const apart = tf.sub(last, tf.reshape(mean, [2, 1, 1, 16]));
    // Of a square, Grappler joins the 2 and the divisor of a mean into one factor where both are constants.
    const weighed = tf.sum(tf.matMul(mean, io.inputs.weights as Tensor));
    return tf.add(tf.mean(tf.square(apart)), weighed) as Scalar;
  };
  const { value, grads } = tf.valueAndGrads(loss)(learnt.map(read));
  learnt.forEach((name, i) => {
    io.assign(name, tf.sub(read(name), tf.mul(grads[i] as Tensor, tf.scalar(0.01))));
  });
  io.assign('mean', next.mean);
  io.assign('variance', next.variance);
  return {
    value,
    ...Object.fromEntries(learnt.map((name, i) => [`grad.${name}`, grads[i] as Tensor])),
  };
}

const weights = { dtype: 'float32', shape: [16, 1] } as const;
const drawn = normal('weights', 16, 1).data;
const images: EntryDefinition['inputs'] = {
  weights,
  images: { dtype: 'float32', shape: (s) => [2, size(s, 'height'), size(s, 'width'), 3] },
};
const range = { least: 50, most: 200 };

async function started(program: Program): Promise<Program> {
  for (const [name, shape] of Object.entries(state))
    program.state(name, { dtype: 'float32', shape });
  return program;
}

async function fill(program: Program): Promise<void> {
  await program.writeStates(
    Object.entries(state).map(([name, shape]) => {
      const values = normal(name, ...shape);
      const data = Float32Array.from(
        Array.from(values.data, Number),
        (v) => v * 0.2 + (name === 'variance' ? 2 : 0),
      );
      return [name, hostArray('float32', shape, data)] as const;
    }),
  );
}

/** Outputs of two steps and the state after them, by name. */
async function twoSteps(program: Program, data: Float32Array, sizes?: Sizes) {
  await fill(program);
  const made = new Map<string, HostArray>();
  for (let i = 0; i < 2; i++) {
    const outputs = await program.run('step', { images: data, weights: drawn }, sizes);
    for (const [name, value] of Object.entries(outputs)) made.set(`${name} of step ${i}`, value);
  }
  const names = Object.keys(state);
  const after = await program.readStates(names);
  for (const [i, value] of after.entries()) made.set(`${names[i]} after them`, value);
  return made;
}

/** The names of values that are not the same bits. */
function apart(some: ReadonlyMap<string, HostArray>, others: ReadonlyMap<string, HostArray>) {
  const bytes = (one?: HostArray) => (one === undefined ? '' : Buffer.from(bytesOf(one.data)));
  expect([...some.keys()]).toEqual([...others.keys()]);
  return [...some.keys()].filter(
    (name) =>
      Buffer.compare(Buffer.from(bytes(some.get(name))), Buffer.from(bytes(others.get(name)))) !==
      0,
  );
}

describe('an entry with free sizes', () => {
  it('computes what an entry of each size computes, bit for bit: outputs, gradients, state', async () => {
    const program = await started(new Program());
    program.entry('step', { sizes: { height: range, width: range }, inputs: images, build: step });
    const before = program.graph.nodes.length;
    for (const [height, width] of [
      [96, 128],
      [133, 101],
      [64, 199],
      [150, 54],
    ] as const) {
      const sizes = { height, width };
      const data = normal(`images ${height}`, 2, height, width, 3).data as Float32Array;
      const alone = await started(new Program());
      const shape = [2, height, width, 3];
      alone.entry('step', {
        inputs: { weights, images: { dtype: 'float32', shape } },
        build: step,
      });
      const want = await twoSteps(alone, data);
      alone.dispose();
      const found = await twoSteps(program, data, sizes);
      expect(want.get('value of step 0')).not.toEqual(want.get('value of step 1'));
      expect(apart(found, want)).toEqual([]);
    }
    // Nothing but the reader and writer of state has come to the graph.
    const added = program.graph.nodes.slice(before).map(({ type }) => type);
    expect(new Set(added)).toEqual(new Set(['Placeholder', 'AssignVariableOp', 'ReadVariableOp']));
    program.dispose();
  });

  it('computes the filter gradient of a strided convolution of few pixels, whose zeros follow from the size', async () => {
    const shape = (s: Sizes) => [2, size(s, 'height'), 4, 8];
    const free = { dtype: 'float32', shape } as const;
    const build = (io: Io) => {
      const loss = (filter: Tensor) =>
        tf.sum(conv2d(io.inputs.images as Tensor, filter, { stride: 2, padding: 1 })) as Scalar;
      return { slope: tf.grad(loss)(io.read('square')) };
    };
    const program = await started(new Program());
    const sizes = { height: { least: 8, most: 40 } };
    program.entry('step', { sizes, inputs: { images: free }, build });
    await fill(program);
    expect(program.graph.nodes.map(({ type }) => type)).not.toContain('Conv2DBackpropFilter');
    for (const height of [11, 16, 39]) {
      const images = normal(`rows ${height}`, ...shape({ height })).data as Float32Array;
      const alone = await started(new Program());
      alone.entry('step', {
        inputs: { images: { dtype: 'float32', shape: shape({ height }) } },
        build,
      });
      await fill(alone);
      const { slope: want } = await alone.run('step', { images });
      alone.dispose();
      const { slope } = await program.run('step', { images }, { height });
      // The product that a graph of one size may take in its place has the same sums in another order.
      want?.data.forEach((value, i) => {
        expect(Number(slope?.data[i])).toBeCloseTo(Number(value), 3);
      });
    }
    program.dispose();
  });

  it('has its values checked, its kernels timed and its graph shown as others have', async () => {
    const program = await started(new Program({ debugNans: true }));
    program.entry('step', { sizes: { height: range, width: range }, inputs: images, build: step });
    await fill(program);
    const sizes = { height: 61, width: 90 };
    const data = normal('pixels', 2, 61, 90, 3).data as Float32Array;
    await program.run('step', { images: data, weights: drawn }, sizes);
    expect(
      (await program.profile('step', { images: data, weights: drawn }, sizes)).length,
    ).toBeGreaterThan(20);
    expect(
      (await program.compiled('step', { images: data, weights: drawn }, sizes)).length,
    ).toBeGreaterThan(20);
    data[7] = Number.NaN;
    await expect(program.run('step', { images: data, weights: drawn }, sizes)).rejects.toThrow(
      "debug_nans: step: input 'images' holds NaN before the run",
    );
    program.dispose();
  });

  it('refuses other sizes, and arrays that do not fit them', async () => {
    const program = await started(new Program());
    program.entry('step', { sizes: { height: range, width: range }, inputs: images, build: step });
    const run = (sizes: Sizes) =>
      program.run('step', { images: new Float32Array(2 * 64 * 64 * 3), weights: drawn }, sizes);
    await expect(run({ height: 64 })).rejects.toThrow("step: size 'width' is undefined");
    await expect(run({ height: 64, width: 201 })).rejects.toThrow('an integer from 50 to 200');
    await expect(run({ height: 64, width: 65 })).rejects.toThrow(
      "step: input 'images': got Float32Array of 24576, expected Float32Array of 24960 for float32 [2,64,65,3]",
    );
    program.dispose();
  });
});

const rows: EntryDefinition['inputs'] = {
  x: { dtype: 'float32', shape: [6, 3] },
  limit: { dtype: 'float32', shape: [] },
};

describe('a size that a run finds out', () => {
  /** Means over the rows whose first value is below a limit, and the gradient. */
  const build = (io: Io) => {
    const x = io.inputs.x as Tensor;
    const below = tf.less(tf.squeeze(tf.slice(x, [0, 0], [6, 1])), io.inputs.limit as Tensor);
    findSize('rows', tf.sum(tf.cast(below, 'int32')));
    const count = freeSize('rows');
    const loss = (all: Tensor) => {
      const own = tf.slice(all, [0, 0], [count, 3]);
      return tf.mean(tf.square(tf.mul(own, tf.ones([count, 3])))) as Scalar;
    };
    return { loss: loss(x), slope: tf.grad(loss)(x) };
  };

  it('cuts what is computed to it', async () => {
    const program = new Program();
    program.entry('mean', { sizes: { rows: { least: 1, most: 6 } }, inputs: rows, build });
    const x = Float32Array.from({ length: 18 }, (_, i) => i + 1);
    for (const count of [1, 2, 4, 6]) {
      const limit = Float32Array.of(3 * count + 0.5);
      const { loss, slope } = await program.run('mean', { x, limit });
      const own = x.subarray(0, 3 * count);
      const want = own.reduce((sum, value) => sum + value * value, 0) / (3 * count);
      expect(loss?.data[0]).toBeCloseTo(want, 4);
      x.forEach((value, i) => {
        const part = i < 3 * count ? (2 * value) / (3 * count) : 0;
        expect(Number(slope?.data[i])).toBeCloseTo(part, 5);
      });
    }
    program.dispose();
  });

  it('is an error where it is used before', () => {
    const program = new Program();
    const early = (io: Io) => ({
      y: tf.slice(io.inputs.x as Tensor, [0, 0], [freeSize('rows'), 3]),
    });
    const both = (io: Io) => {
      const made = early(io);
      build(io);
      return made;
    };
    const sizes = { rows: { least: 1, most: 6 } };
    expect(() => program.entry('early', { sizes, inputs: rows, build: both })).toThrow(
      "size 'rows' is used before the entry finds it out",
    );
    program.dispose();
  });
});

describe('what no graph for all sizes can do is an error with its op and line', () => {
  const sizes = { n: { least: 3, most: 40 } };
  const inputs: EntryDefinition['inputs'] = {
    x: { dtype: 'float32', shape: (s) => [size(s, 'n')] },
  };
  const HERE = /sizes\.test\.ts:\d+:\d+/;
  it.each<[string, (x: Tensor) => Tensor, string]>([
    ['other ops', (x) => (x.size > 20 ? tf.sin(x) : tf.cos(x)), 'Sin'],
    [
      'a list of the host',
      (x) => tf.add(x, tf.tensor1d(Array.from({ length: x.size }, (_, i) => i))),
      'Const',
    ],
    ['a number in no known way', (x) => tf.mul(x, tf.scalar(Math.sqrt(x.size))), 'Const'],
    ['another number of inputs', (x) => tf.concat(x.size > 20 ? [x, x] : [x, x, x]), 'ConcatV2'],
  ])('%s', (_, apply, op) => {
    const program = new Program();
    const define = () =>
      program.entry('f', { sizes, inputs, build: (io) => ({ y: apply(io.inputs.x as Tensor) }) });
    expect(define).toThrow(new RegExp(`${op} depends on sizes that are free`));
    expect(define).toThrow(HERE);
    program.dispose();
  });
});
