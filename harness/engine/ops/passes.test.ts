import { beforeAll, expect, it } from 'vitest';
import { fillNormal, stream } from '../../random/stream.ts';
import { type Arrays, evaluate, floats, type Tensors } from '../../testing/evaluate.ts';
import { startEngine } from '../index.ts';
import { op1 } from '../op.ts';
import { toCompute, toFloat } from '../precision.ts';
import { activeGraph, type Tensor, tf } from '../tf.ts';
import { blended, plusScaled, rectified, rectifiedSlope } from './passes.ts';

beforeAll(startEngine);

/** Just as many as activations that are fused have; no vector or thread gets an even share. */
const SHAPE = [3, 7, 13, 1931] as const;
const COUNT = SHAPE.reduce((a, b) => a * b, 1);

const SPECIAL = [0, -0, Infinity, -Infinity, NaN, 1e-3, -1e-3, 3e38, -3e38, 1e-37, -1e-40, 3e-39];

/** Normal draws over 40 powers of two; every pair of special values first. */
function values(name: string, place: 0 | 1) {
  const drawn = fillNormal(stream(1, name), new Float32Array(COUNT), 1);
  const range = stream(1, name, 1);
  const spread = drawn.map((x) => x * 2 ** range.int(-20, 20));
  SPECIAL.forEach((a, i) => {
    SPECIAL.forEach((b, j) => {
      spread[i * SPECIAL.length + j] = place === 0 ? a : b;
    });
  });
  return floats(SHAPE, spread);
}

const inputs: Arrays = {
  a: values('a', 0),
  b: values('b', 1),
  k: floats([], [0.999]),
  t: floats([], [1e-4]),
};

type Parts = readonly [a: Tensor, b: Tensor, k: Tensor, t: Tensor];
const partsOf = ({ a, b, k, t }: Tensors) => [a, b, k, t] as unknown as Parts;

/** What is fused, and the same op by op. */
interface Case {
  readonly fused: (...parts: Parts) => Tensor;
  readonly plain: (...parts: Parts) => Tensor;
}

const add = (a: Tensor, b: Tensor) => op1('AddV2', [a, b]);
const scaled = (a: Tensor, k: Tensor) => op1('Mul', [a, k]);

const cases: Readonly<Record<string, Case>> = {
  'ReLU of a sum': {
    fused: (a, b) => toFloat(rectified(add(toCompute(a), toCompute(b)))),
    plain: (a, b) => toFloat(op1('Relu', [add(toCompute(a), toCompute(b))])),
  },
  'slope of ReLU': {
    fused: (a, b) => toFloat(rectifiedSlope(toCompute(a), toCompute(b))),
    plain: (a, b) => toFloat(op1('ReluGrad', [toCompute(a), toCompute(b)])),
  },
  'slope of ReLU of a sum': {
    fused: (a, b) => {
      const [x, y] = [toCompute(a), toCompute(b)];
      return toFloat(rectifiedSlope(add(x, y), y));
    },
    plain: (a, b) => {
      const [x, y] = [toCompute(a), toCompute(b)];
      return toFloat(op1('ReluGrad', [add(x, y), y]));
    },
  },
  'weight decay': {
    fused: (a, b, k) => plusScaled(a, b, k),
    plain: (a, b, k) => add(a, scaled(b, k)),
  },
  'weight decay of a gradient from bf16': {
    fused: (a, b, k) => plusScaled(tf.reshape(toFloat(toCompute(a)), [...SHAPE]), b, k),
    plain: (a, b, k) => add(toFloat(toCompute(a)), scaled(b, k)),
  },
  'moving average': {
    fused: (a, b, k, t) => blended(a, k, b, t),
    plain: (a, b, k, t) => add(scaled(a, k), scaled(b, t)),
  },
};

it.each(Object.entries(cases))('%s: fused, the bits are those of op by op', async (_, one) => {
  const calls = () => activeGraph().nodes.filter(({ parts }) => parts !== undefined).length;
  const build = (tensors: Tensors) => {
    const results = {
      fused: one.fused(...partsOf(tensors)),
      plain: one.plain(...partsOf(tensors)),
    };
    expect(calls()).toBe(1);
    return results;
  };
  const { fused, plain } = await evaluate(inputs, build, { precision: 'bf16' });
  const [found, expected] = [fused, plain].map((array) => Array.from(array?.data ?? [], Number));
  const differing = (expected ?? []).flatMap((value, i) =>
    Object.is(value, found?.[i]) ? [] : [`${i}: ${found?.[i]}, op by op ${value}`],
  );
  expect(expected).toHaveLength(COUNT);
  expect(differing.slice(0, 30)).toEqual([]);
});
