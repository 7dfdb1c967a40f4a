import { beforeAll, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { startEngine } from '../engine/index.ts';
import { tf } from '../engine/tf.ts';
import { evaluate, floats } from '../testing/evaluate.ts';
import { layerContext } from '../testing/layer_context.ts';
import { type LevelPool, levelRows, pooledLevel, pooledWidth } from './levels.ts';
import { resnet, resnetSpec } from './resnet.ts';

beforeAll(startEngine);

// docs/reference/benchmarks.md, section 1: kernel, stride, padding and side of the map at 224 pixels.
const TABLE = [
  { map: 112, kernel: 10, stride: 10, pad: 4, side: 12 },
  { map: 56, kernel: 16, stride: 8, pad: 0, side: 6 },
  { map: 28, kernel: 13, stride: 5, pad: 0, side: 4 },
  { map: 14, kernel: 8, stride: 3, pad: 0, side: 3 },
  { map: 7, kernel: 6, stride: 1, pad: 0, side: 2 },
] as const;

/** Means in plain loops; zeros around count. @param x [side, side, channels] */
function plainPool(x: Float32Array, level: number, channels: number, pool: LevelPool) {
  const { map, kernel, stride, pad, side } = TABLE[level] ?? TABLE[0];
  const at = (c: number, y: number, z: number) =>
    y < 0 || z < 0 || y >= map || z >= map ? 0 : (x[(y * map + z) * channels + c] ?? 0);
  const rows: number[] = [];
  const mean = (c: number, rs: readonly number[], cs: readonly number[]) =>
    rs.flatMap((y) => cs.map((z) => at(c, y, z))).reduce((a, b) => a + b, 0) /
    (rs.length * cs.length);
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
  for (let c = 0; c < channels; c++) {
    if (pool === 'average') rows.push(mean(c, range(0, map), range(0, map)));
    else
      for (let i = 0; i < side; i++)
        for (let j = 0; j < side; j++)
          rows.push(
            pool === 'specified'
              ? mean(
                  c,
                  range(i * stride - pad, i * stride - pad + kernel),
                  range(j * stride - pad, j * stride - pad + kernel),
                )
              : mean(c, bin(i, side, map, range), bin(j, side, map, range)),
          );
  }
  return rows;
}

function bin(i: number, side: number, n: number, range: (a: number, b: number) => number[]) {
  return range(Math.floor((i * n) / side), Math.ceil(((i + 1) * n) / side));
}

it.each(['specified', 'adaptive', 'average'] as const)(
  'every level is pooled as plain loops over the table have it: %s',
  async (pool) => {
    const channels = 2;
    for (const [level, { map, side }] of TABLE.entries()) {
      const x = Float32Array.from(
        { length: map * map * channels },
        (_, i) => ((i * 37) % 101) / 50,
      );
      const { y } = await evaluate({ x: floats([1, map, map, channels], [...x]) }, (inputs) => {
        if (!inputs.x) throw new Error('no input');
        const pooled = pooledLevel(inputs.x, level, pool);
        expect(pooled.shape).toEqual(
          pool === 'average' ? [1, 1, 1, channels] : [1, side, side, channels],
        );
        return { y: tf.reshape(tf.transpose(pooled, [0, 3, 1, 2]), [1, -1]) };
      });
      const expected = plainPool(x, level, channels, pool);
      expect(pooledWidth(level, channels, pool)).toBe(expected.length);
      for (const [i, value] of expected.entries()) expect(y?.data[i]).toBeCloseTo(value, 5);
    }
  },
);

it.each([
  [50, [64, 256, 512, 1024, 2048]],
  [18, [64, 64, 128, 256, 512]],
] as const)('a ResNet-%i says the channels of its levels', (depth, widths) => {
  expect(resnet(resnetSpec.parse({ depth })).widths).toEqual(widths);
});

it('refuses windows of fixed size for other images, and a level that is not there', async () => {
  const network = resnet(resnetSpec.parse({ depth: 18, width: 1 / 16, stages: 2 }));
  const build = (size: number, level: number, pool: LevelPool) =>
    evaluate({ x: floats([1, size, size, 3], new Array(size * size * 3).fill(0)) }, ({ x }) => {
      if (!x) throw new Error('no input');
      const zeros = (shape: readonly number[]) => tf.zeros([...shape]);
      const params = Object.fromEntries(
        [...network.module.parameters].map(([name, { shape }]) => [name, zeros(shape)]),
      );
      const buffers = network.module.buffers;
      const context = layerContext({
        train: false,
        buffer: (name) => zeros(buffers.get(name)?.shape ?? []),
      });
      return { y: levelRows(network, [{ level, pool }]).apply(params, x, context) };
    });
  await expect(build(96, 1, 'specified')).rejects.toThrow(
    new UserError(
      'level 1: a map of 24 x 24 pixels is pooled to 2 a side, expected 6; windows of fixed size ' +
        'are for images of 224 pixels and the stem of ImageNet, use adaptive ones for others',
    ),
  );
  await expect(build(64, 3, 'adaptive')).rejects.toThrow(
    new UserError('level 3: expected 0 to 2 (the stem, then the stages)'),
  );
});
