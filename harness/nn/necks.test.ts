import { beforeAll, describe, expect, it } from 'vitest';
import { type HostArray, hostArray } from '../engine/array.ts';
import { startEngine } from '../engine/index.ts';
import { tf } from '../engine/tf.ts';
import { stream } from '../random/stream.ts';
import { evaluate, floats } from '../testing/evaluate.ts';
import { layerContext } from '../testing/layer_context.ts';
import { initialValue } from './initialise.ts';
import { dropout } from './layers.ts';
import type { LayerContext, Module } from './module.ts';
import { type NeckSpec, neck, neckSpec } from './necks.ts';

beforeAll(startEngine);

const key = hostArray('int32', [2], Int32Array.of(7, -3));

/** Runs a module once, in training unless said otherwise; what it asked of chance and buffers. */
async function run(
  module: Module,
  x: HostArray,
  given: { readonly train?: boolean; readonly key?: HostArray } = {},
) {
  const values = [...module.parameters, ...module.buffers].map(
    ([name, spec]) => [name, initialValue(spec, stream(1, name))] as const,
  );
  const asked: string[] = [];
  const inputs = { ...Object.fromEntries(values), x, key: given.key ?? key };
  const outputs = await evaluate(inputs, (tensors) => {
    const named = (name: string) => tensors[name] ?? tf.zeros([0]);
    const scoped = (prefix: string): LayerContext =>
      layerContext({
        train: given.train ?? true,
        buffer: (name) => named(prefix + name),
        update: (name) => asked.push(prefix + name),
        chance: (name, make) => {
          asked.push(prefix + name);
          return make(named('key'));
        },
        scope: (inner) => scoped(prefix + inner),
      });
    return { y: module.apply(tensors, named('x'), scoped('')) };
  });
  return { y: [...(outputs.y?.data ?? [])].map(Number), asked };
}

const ones = (shape: readonly number[]) =>
  floats(shape, Array(shape.reduce((a, b) => a * b, 1)).fill(1));

describe('dropout', () => {
  it('keeps the mean and drops as often as asked', async () => {
    const { y } = await run(dropout(0.2), ones([500, 20]));
    expect(new Set(y)).toEqual(new Set([0, 1.25]));
    const dropped = y.filter((value) => value === 0).length;
    expect(Math.abs(dropped - 2000)).toBeLessThan(4.5 * Math.sqrt(10_000 * 0.2 * 0.8));
  });

  it('drops others with another key, and the same with the same', async () => {
    const x = ones([40, 5]);
    const first = await run(dropout(0.5), x);
    const other = hostArray('int32', [2], Int32Array.of(7, -4));
    expect((await run(dropout(0.5), x)).y).toEqual(first.y);
    expect((await run(dropout(0.5), x, { key: other })).y).not.toEqual(first.y);
  });

  it('leaves everything while evaluating', async () => {
    const { y, asked } = await run(dropout(0.5), ones([3, 2]), { train: false });
    expect(y).toEqual([1, 1, 1, 1, 1, 1]);
    expect(asked).toEqual([]);
  });
});

describe('necks', () => {
  const shapes = (spec: NeckSpec) =>
    [...neck(spec, 6).parameters].map(([name, { shape }]) => `${name} ${shape}`);

  // docs/reference/methods.md, section 1.2, and what state_dict of the original has.
  it.each<[Partial<NeckSpec>, string[]]>([
    [{ kind: 'linear', out: 3 }, ['fc.weight 3,6', 'fc.bias 3']],
    [
      { kind: 'mlp', hidden: 4, out: 3 },
      ['mlp.0.weight 4,6', 'mlp.0.bias 4', 'mlp.2.weight 3,4', 'mlp.2.bias 3'],
    ],
    [
      { kind: 'layers', hidden: [4], out: 3, bias: true, affine: false, lastNorm: false },
      ['fc0.weight 4,6', 'fc0.bias 4', 'fc1.weight 3,4', 'fc1.bias 3'],
    ],
    [
      { kind: 'layers', hidden: [], out: 3, bias: true },
      ['fc.weight 3,6', 'fc.bias 3', 'bn.weight 3', 'bn.bias 3'],
    ],
    [
      { kind: 'layers', hidden: [4, 5], out: 3 },
      [
        'fc0.weight 4,6',
        'bn0.weight 4',
        'bn0.bias 4',
        'fc1.weight 5,4',
        'bn1.weight 5',
        'bn1.bias 5',
        'fc2.weight 3,5',
        'bn2.weight 3',
        'bn2.bias 3',
      ],
    ],
    [
      { kind: 'layers', hidden: [], out: 3, bias: true, numbered: true, unpooled: 24 },
      ['fc0.weight 3,24', 'fc0.bias 3', 'bn0.weight 3', 'bn0.bias 3'],
    ],
  ])('%o has the tensors of the original', (spec, expected) => {
    expect(shapes(neckSpec.parse(spec))).toEqual(expected);
  });

  it.each([
    ['hidden layers', [4, 5], ['bn0', 'bn1'], ['drop.mask', 'drop1.mask']],
    ['one hidden layer', [4], ['bn0'], ['drop.mask']],
    ['the only layer', [], [], ['drop.mask']],
  ] as const)('drop features behind the ReLU of %s', async (_, hidden, norms, masks) => {
    const spec = neckSpec.parse({
      kind: 'layers',
      hidden,
      out: 64,
      bias: true,
      lastNorm: false,
      lastRelu: true,
      dropout: 0.5,
    });
    const image = stream(1, 'image');
    const x = floats(
      [8, 2, 2, 6],
      Array.from({ length: 8 * 2 * 2 * 6 }, () => image.normal()),
    );
    const { y, asked } = await run(neck(spec, 6), x);
    expect(y.every((value) => value >= 0)).toBe(true);
    const seen = asked.filter((name) => name.endsWith('running_mean'));
    expect(seen).toEqual(norms.map((norm) => `${norm}.running_mean`));
    expect(asked.filter((name) => name.startsWith('drop'))).toEqual(masks);
  });

  it('take a map unpooled, flattened as files have it', async () => {
    const spec = neckSpec.parse({ kind: 'linear', out: 2, unpooled: 12 });
    const module = neck(spec, 3);
    const weight = initialValue(
      module.parameters.get('fc.weight') ?? expect.fail(),
      stream(1, 'fc.weight'),
    );
    const x = floats(
      [1, 2, 2, 3],
      Array.from({ length: 12 }, (_, i) => i + 1),
    );
    const { y } = await run(module, x);
    const first = [1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12]; // by channel, then by pixel
    for (const [o, value] of y.entries()) {
      const own = Array.from(weight.data, Number).slice(12 * o, 12 * o + 12);
      expect(value).toBeCloseTo(
        own.reduce((sum, w, i) => sum + w * (first[i] ?? 0), 0),
        4,
      );
    }
    await expect(run(module, ones([1, 2, 2, 4]))).rejects.toThrow(
      'neck.unpooled: 12, but the map before it, [2,2,4], has 16 values; use 16',
    );
  });

  it('start where a method says', () => {
    const spec = neckSpec.parse({ kind: 'layers', hidden: [], out: 3, bias: true });
    const { parameters } = neck(spec, 6, () => ({ kind: 'normal', std: 0.005 }), 0.1);
    expect(parameters.get('fc.weight')?.initial).toEqual({ kind: 'normal', std: 0.005 });
    expect(parameters.get('fc.bias')?.initial).toEqual({ kind: 'constant', value: 0.1 });
    expect(parameters.get('bn.bias')?.initial).toEqual({ kind: 'constant', value: 0 });
  });
});
