import { beforeAll, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { startEngine } from '../engine/index.ts';
import { flattened } from '../engine/ops/pooling.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import { evaluate, floats } from '../testing/evaluate.ts';
import { layerContext } from '../testing/layer_context.ts';
import { pooledLevel } from './levels.ts';
import { multiHead, rowHeads } from './multi_head.ts';

beforeAll(startEngine);

const CHANNELS = [64, 256, 512, 1024, 2048];

// docs/reference/benchmarks.md, section 1
it('has the dimensions of the original for the five levels of a ResNet-50', () => {
  const levels = CHANNELS.map((channels, level) => ({ level, channels }));
  const heads = multiHead({ levels, classes: 7, pool: 'specified', sync: true });
  const shapes = heads.map((head, i) => head.parameters.get(`fcs.${i}.weight`)?.shape);
  expect(shapes).toEqual([9216, 9216, 8192, 9216, 8192].map((inputs) => [7, inputs]));
  expect([...(heads[3]?.parameters.keys() ?? [])]).toEqual(['fcs.3.weight', 'fcs.3.bias']);
  expect([...(heads[3]?.buffers.keys() ?? [])]).toContain('norms.3.running_mean');
});

// Means of windows over a slope, less the mean of the batch: of either pool, as plain sums have them.
it.each([
  ['specified', 7, [2.5, 3.5]], // rows 0 to 5 and 1 to 6
  ['adaptive', 7, [1.5, 4.5]], // rows 0 to 3 and 3 to 6
  ['adaptive', 4, [0.5, 2.5]],
] as const)(
  'pools, normalises and flattens as C, H, W: %s, %i pixels',
  async (pool, side, rows) => {
    const [head] = multiHead({
      levels: [{ level: 4, channels: 2 }],
      classes: 1,
      pool,
      sync: false,
    });
    // Channel 0 grows down the image, channel 1 is its negative and half.
    const x = Array.from({ length: side * side }, (_, p) => Math.floor(p / side)).flatMap((row) => [
      row,
      -row / 2,
    ]);
    const weight = [1, 10, 100, 1000, 3, 30, 300, 3000]; // C, H, W
    const { y } = await evaluate(
      {
        x: floats([1, side, side, 2], x),
        weight: floats([1, 8], weight),
        bias: floats([1], [0.5]),
        variance: floats([2], [1, 1]),
      },
      ({ x: image, weight: w, bias, variance }) => {
        if (!head || !image || !w || !bias || !variance) throw new Error('an input is missing');
        const context = layerContext({
          train: false,
          buffer: (name) => (name.endsWith('var') ? variance : tf.zeros([2])),
        });
        return { y: head.apply({ 'fcs.0.weight': w, 'fcs.0.bias': bias }, image, context) };
      },
    );
    const scale = 1 / Math.sqrt(1 + 1e-5);
    const [top, bottom] = rows;
    const one = top * 11 + bottom * 1100;
    const two = -(top * 33 + bottom * 3300) / 2;
    expect(Number(y?.data[0]) / ((one + two) * scale + 0.5)).toBeCloseTo(1, 5);
  },
);

it('may be without norms, and have one more head on the whole of the last level', () => {
  const levels = [0, 4].map((level) => ({ level, channels: CHANNELS[level] ?? 0 }));
  const heads = multiHead({
    levels,
    classes: 3,
    pool: 'adaptive',
    sync: false,
    plain: true,
    whole: 2048 * 49,
  });
  expect(
    heads.map((head) => [...head.parameters].map(([name, { shape }]) => [name, shape])),
  ).toEqual(
    [9216, 8192, 100352].map((inputs, i) => [
      [`fcs.${i}.weight`, [3, inputs]],
      [`fcs.${i}.bias`, [3]],
    ]),
  );
  expect(heads.flatMap(({ buffers }) => [...buffers])).toEqual([]);
});

it('may have group norms, and norms that do not learn', () => {
  const levels = [{ level: 4, channels: 6 }];
  const common = { levels, classes: 2, pool: 'adaptive', sync: false, affine: true } as const;
  const [head] = multiHead({ ...common, groups: 3, normLearns: false });
  expect([...(head?.parameters ?? [])].map(([name, { trainable }]) => [name, trainable])).toEqual([
    ['norms.0.weight', false],
    ['norms.0.bias', false],
    ['fcs.0.weight', true],
    ['fcs.0.bias', true],
  ]);
  expect(head?.buffers.size).toBe(0);
  expect(() => multiHead({ ...common, groups: 4 })).toThrow('4 groups do not divide 6 channels');
});

it('refuses a level that is not there', () => {
  const levels = [{ level: 5, channels: 4 }];
  const build = () => multiHead({ levels, classes: 2, pool: 'adaptive', sync: false });
  expect(build).toThrow(UserError);
  expect(build).toThrow('level 5: expected 0 to 4');
});

it('has the same logits from rows of levels that are pooled already', async () => {
  const options = {
    levels: [
      { level: 3, channels: 2 },
      { level: 4, channels: 2 },
    ],
    ...({ classes: 2, pool: 'adaptive', sync: false } as const),
  };
  const heads = multiHead(options);
  const shape = (i: number) => heads[i]?.parameters.get(`fcs.${i}.weight`)?.shape ?? [];
  const numbers = (count: number, step: number) =>
    Array.from({ length: count }, (_, i) => ((i * step) % 17) / 8 - 1);
  const size = (of: readonly number[]) => of.reduce((a, b) => a * b, 1);
  const maps = [
    [2, 5, 4, 2],
    [2, 3, 4, 2],
  ] as const;
  const given = {
    ...Object.fromEntries(maps.map((of, i) => [`x${i}`, floats(of, numbers(size(of), 7 + i))])),
    ...Object.fromEntries(
      [0, 1].map((i) => [`w${i}`, floats(shape(i), numbers(size(shape(i)), 5 + i))]),
    ),
    bias: floats([2], [0.5, -0.5]),
    variance: floats([2], [0.5, 2]),
    mean: floats([2], [0.1, -0.3]),
  };
  const { apart, rows } = await evaluate(given, (inputs) => {
    const at = (name: string) => inputs[name] as Tensor;
    const params = {
      ...{ 'fcs.0.weight': at('w0'), 'fcs.1.weight': at('w1') },
      ...{ 'fcs.0.bias': at('bias'), 'fcs.1.bias': at('bias') },
    };
    const context = layerContext({
      train: false,
      buffer: (name) => at(name.endsWith('var') ? 'variance' : 'mean'),
    });
    const logits = heads.map((head, i) => head.apply(params, at(`x${i}`), context));
    const flat = [0, 1].map((i) => flattened(pooledLevel(at(`x${i}`), i + 3, 'adaptive')));
    const together = rowHeads(options).apply(params, tf.concat(flat, 1), context);
    return { apart: tf.concat(logits, 1), rows: together };
  });
  expect(rows?.shape).toEqual([2, 4]);
  expect(rows?.data).toEqual(apart?.data);
  expect(new Set(Array.from(rows?.data ?? [], Number)).size).toBe(8);
});
