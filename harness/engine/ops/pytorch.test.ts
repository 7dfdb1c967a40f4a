import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Arrays, differentiate, evaluate, type Tensors } from '../../testing/evaluate.ts';
import { distance } from '../../testing/parity/agreement.ts';
import { readSafetensors } from '../../weights/safetensors.ts';
import { type HostArray, hostArray } from '../array.ts';
import { startEngine } from '../index.ts';
import { transpose4 } from '../layout.ts';
import type { Precision } from '../precision.ts';
import { type Tensor, tf } from '../tf.ts';
import { dropoutMask, masked, relu } from './activation.ts';
import { conv2d } from './convolution.ts';
import { composed, crossEntropyBy, softmaxCrossEntropy } from './cross_entropy.ts';
import { linear } from './linear.ts';
import { batchNormEval, batchNormTrain, l2Normalize } from './normalization.ts';
import { avgPool, globalAvgPool, maxPool } from './pooling.ts';

/** Bounds of golden/ops/README.md, in shares of the tensor's largest magnitude. */
// Without AVX-512 oneDNN has no bf16: TensorFlow's own kernels add in bf16 there, as they did on an AMD
// EPYC of family 25 model 1, where filter gradients are up to 2.3e-2 off.
const ADDS_IN_BF16 = !readFileSync('/proc/cpuinfo', 'utf8').includes('avx512f');
const BOUND = { fp32: 1e-5, bf16: ADDS_IN_BF16 ? 3e-2 : 1e-2 } as const;
/** With two values a channel the input gradient is what is left of two equal terms of opposite sign. */
const CANCELLING: ReadonlySet<string> = new Set(['train_two_rows']);

const Options = z.looseObject({
  kind: z.string().default(''),
  stride: z.number().default(1),
  dilation: z.number().default(1),
  padding: z.union([z.number(), z.tuple([z.number(), z.number()])]).default(0),
  kernel: z.number().default(1),
  paddingCounted: z.boolean().default(true),
  rate: z.number().default(0),
  epsilon: z.number().default(0),
  momentum: z.number().default(0),
  train: z.boolean().default(false),
});
type Options = z.infer<typeof Options>;

interface Case {
  readonly name: string;
  readonly options: Options;
  /** Tensors of a group, e.g. `in`, by name, in the graph's layout. */
  group(name: string): Arrays;
}

function casesOf(operator: string): readonly Case[] {
  const path = fileURLToPath(
    new URL(`../../../golden/ops/${operator}.safetensors`, import.meta.url),
  );
  const { tensors, metadata } = readSafetensors(path);
  const described: unknown = JSON.parse(metadata.fixture ?? '');
  const { cases } = z.object({ cases: z.record(z.string(), Options) }).parse(described);
  return Object.entries(cases).map(([name, options]) => ({
    name,
    options,
    group: (group) => {
      const prefix = `${name}.${group}.`;
      const found = [...tensors].filter(([key]) => key.startsWith(prefix));
      return Object.fromEntries(
        found.map(([key, value]) => [key.slice(prefix.length), toGraph(key, value)]),
      );
    },
  }));
}

/** NCHW to NHWC, OIHW to HWIO, labels to int32. */
function toGraph(name: string, array: HostArray): HostArray {
  if (array.dtype === 'int64')
    return hostArray('int32', array.shape, Int32Array.from(array.data, Number));
  if (array.shape.length !== 4) return array;
  return transpose4(array, name.endsWith('weight') ? [2, 3, 1, 0] : [0, 2, 3, 1]);
}

/** Runs a case and holds `y` and every gradient to PyTorch's. */
async function hold(
  { name, group }: Case,
  apply: (tensors: Tensors) => Tensor,
  precision: Exclude<Precision, 'fp16'> = 'fp32',
): Promise<void> {
  const { x, logits, ...constants } = group('in');
  const input = logits === undefined ? { x } : { logits };
  const variables = { ...input, ...group('param') } as Arrays;
  const upstream = group('upstream').y;
  if (upstream === undefined) throw new Error('fixture without upstream.y');
  const found = await differentiate({ variables, constants, apply }, upstream, { precision });
  const prefix = precision === 'bf16' ? 'bf16.' : '';
  const expected = {
    y: group(`${prefix}out`).y,
    ...Object.fromEntries(
      Object.entries(group(`${prefix}grad`)).map(([name, value]) => [`grad.${name}`, value]),
    ),
  };
  expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
  for (const [key, value] of Object.entries(expected)) {
    const bound = CANCELLING.has(name) && key === 'grad.x' ? 2e-3 : BOUND[precision];
    near(key, found[key], value, bound);
  }
}

function near(
  name: string,
  found: HostArray | undefined,
  expected: HostArray | undefined,
  bound: number = BOUND.fp32,
): void {
  if (found === undefined || expected === undefined) throw new Error(`${name} is missing`);
  expect(found.shape, name).toEqual(expected.shape);
  const tolerance = { kind: 'relative_to_max', value: bound, absolute: 0 } as const;
  const { error } = distance(found.data, expected.data, tolerance);
  expect(error, name).toBeLessThanOrEqual(bound);
}

function tensor(value: Tensor | undefined): Tensor {
  if (value === undefined) throw new Error('a tensor is missing');
  return value;
}

function titled(operator: string): [string, Case][] {
  return casesOf(operator).map((one) => [one.name, one]);
}

beforeAll(startEngine);

describe('against PyTorch', () => {
  it.each(titled('conv2d'))('conv2d %s', async (_, one) => {
    const { stride, padding, dilation } = one.options;
    const apply = ({ x, weight }: Tensors) =>
      conv2d(tensor(x), tensor(weight), { stride, padding, dilation });
    await hold(one, apply);
    await hold(one, apply, 'bf16');
  });

  it.each(titled('linear'))('linear %s', async (_, one) => {
    const apply = ({ x, weight, bias }: Tensors) => linear(tensor(x), tensor(weight), bias);
    await hold(one, apply);
    await hold(one, apply, 'bf16');
  });

  it.each(titled('batch_norm'))('batch norm %s', async (_, one) => {
    const { train, epsilon, momentum } = one.options;
    const normalise = ({ x, weight, bias, running_mean, running_var }: Tensors) => {
      const rows = tensor(x);
      const image = rows.rank === 4 ? rows : tf.reshape(rows, [rows.shape[0] ?? 0, 1, 1, -1]);
      const state = { mean: tensor(running_mean), variance: tensor(running_var) };
      const scale = weight ?? tf.onesLike(state.mean);
      const offset = bias ?? tf.zerosLike(state.mean);
      return train
        ? batchNormTrain(image, scale, offset, state, { epsilon, momentum })
        : { value: batchNormEval(image, scale, offset, state, epsilon), state };
    };
    await hold(one, (tensors) =>
      tf.reshape(normalise(tensors).value, [...tensor(tensors.x).shape]),
    );
    const { running_mean, running_var } = one.group('out');
    const after = await evaluate({ ...one.group('in'), ...one.group('param') }, (tensors) => {
      const { mean, variance } = normalise(tensors).state;
      return { mean: tf.mul(mean, 1), variance: tf.mul(variance, 1) };
    });
    near('running_mean', after.mean, running_mean);
    near('running_var', after.variance, running_var);
  });

  const pools = titled('pool').filter(([, { options }]) => options.paddingCounted);
  it.each(pools)('pool %s', async (_, one) => {
    const { kind, kernel: size, stride, padding } = one.options;
    if (typeof padding !== 'number') throw new Error('a square padding was expected');
    const window = { size, stride, padding };
    await hold(one, ({ x }) => {
      if (kind === 'global') return globalAvgPool(tensor(x));
      return kind === 'max' ? maxPool(tensor(x), window) : avgPool(tensor(x), window);
    });
  });

  it.each(titled('activation'))('%s', async (_, one) => {
    const { kind, rate } = one.options;
    await hold(one, ({ x, mask }) =>
      kind === 'relu' ? relu(tensor(x)) : masked(tensor(x), dropoutMask(tensor(mask), rate)),
    );
  });

  it.each(titled('loss'))('%s', async (_, one) => {
    await hold(one, ({ x, logits, labels }) =>
      one.options.kind === 'normalize'
        ? l2Normalize(tensor(x))
        : tf.mean(softmaxCrossEntropy(tensor(logits), tensor(labels))),
    );
  });

  it.each(titled('loss').filter(([, { options }]) => options.kind !== 'normalize'))(
    '%s, composed',
    async (_, one) => {
      await hold(one, ({ logits, labels }) =>
        tf.mean(crossEntropyBy(composed, tensor(logits), tensor(labels))),
      );
    },
  );
});
