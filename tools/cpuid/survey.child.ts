import { createHash } from 'node:crypto';
import { type Numerics, useArithmetic } from '../../harness/engine/arithmetic.ts';
import { bytesOf, type HostArray } from '../../harness/engine/array.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { LANES } from '../../harness/engine/lanes.ts';
import { conv2d } from '../../harness/engine/ops/convolution.ts';
import { softmaxCrossEntropy } from '../../harness/engine/ops/cross_entropy.ts';
import { batchNormTrain } from '../../harness/engine/ops/normalization.ts';
import { avgPool, globalAvgPool, maxPool } from '../../harness/engine/ops/pooling.ts';
import type { Precision } from '../../harness/engine/precision.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import { type Differentiable, differentiate, floats } from '../../harness/testing/evaluate.ts';
import { LAYERS, PRODUCTS } from './layers.ts';

/** What a process of the survey computes; one JSON argument. */
export interface SurveyTask {
  readonly precisions: readonly Precision[];
  /** Only results whose names hold this text. */
  readonly only?: string;
  readonly numerics?: Numerics;
  readonly lanes?: number;
}

/** Hashes of results by name: `LAYER forward fp32` and its like. */
export type SurveyHashes = Readonly<Record<string, string>>;

/** In [-1, 1), all different: from Knuth's multiplicative hash, which is exact in integers. */
function values(seed: number, ...shape: number[]): HostArray {
  const count = shape.reduce((a, b) => a * b, 1);
  const data = new Float32Array(count);
  for (let i = 0; i < count; i++)
    data[i] = (Math.imul(i + 1 + seed * 7919, 2654435761) | 0) * 2 ** -31;
  return floats(shape, data);
}

interface Case extends Differentiable {
  readonly upstream: HostArray;
}

const NAMES: Readonly<Record<string, string>> = {
  y: 'forward',
  'grad.x': 'input gradient',
  'grad.w': 'filter gradient',
};

function convolutions(): [string, () => Case][] {
  return LAYERS.map(({ name, batch, size, inputs, outputs, taps, stride }) => {
    const after = size / stride;
    const options = { stride, padding: (taps - 1) / 2 };
    const make = () => ({
      variables: {
        x: values(1, batch, size, size, inputs),
        w: values(2, taps, taps, inputs, outputs),
      },
      upstream: values(3, batch, after, after, outputs),
      apply: ({ x, w }: Readonly<Record<string, Tensor>>) =>
        conv2d(x as Tensor, w as Tensor, options),
    });
    return [name, make];
  });
}

function products(): [string, () => Case][] {
  return PRODUCTS.map(([rows, inner, columns]) => {
    const make = () => ({
      variables: { x: values(1, rows, inner), w: values(2, inner, columns) },
      upstream: values(3, rows, columns),
      apply: ({ x, w }: Readonly<Record<string, Tensor>>) => tf.matMul(x as Tensor, w as Tensor),
    });
    return [`product ${rows}x${inner}x${columns}`, make];
  });
}

function others(): [string, () => Case][] {
  const cases: [string, () => Case][] = [];
  for (const [batch, size, channels] of [
    [8, 112, 64],
    [8, 56, 256],
    [8, 7, 2048],
    [64, 32, 64],
    [64, 4, 512],
  ] as const) {
    const image = () => values(1, batch, size, size, channels);
    const at = `${batch}x${size}x${size}x${channels}`;
    cases.push([
      `batch norm ${at}`,
      () => ({
        variables: { x: image(), scale: values(2, channels), offset: values(4, channels) },
        constants: {
          mean: floats([channels], new Array(channels).fill(0)),
          variance: floats([channels], new Array(channels).fill(1)),
        },
        upstream: values(3, batch, size, size, channels),
        apply: ({ x, scale, offset, ...state }) =>
          batchNormTrain(x as Tensor, scale as Tensor, offset as Tensor, state as never, {
            epsilon: 1e-5,
            momentum: 0.1,
          }).value,
      }),
    ]);
    cases.push([
      `mean of pixels ${at}`,
      () => ({
        variables: { x: image() },
        upstream: values(3, batch, channels),
        apply: ({ x }) => globalAvgPool(x as Tensor),
      }),
    ]);
  }
  for (const [kind, pool] of Object.entries({ maxPool, avgPool }))
    cases.push([
      `${kind} 8x112x112x64`,
      () => ({
        variables: { x: values(1, 8, 112, 112, 64) },
        upstream: values(3, 8, 56, 56, 64),
        apply: ({ x }) => pool(x as Tensor, { size: 3, stride: 2, padding: 1 }),
      }),
    ]);
  cases.push([
    'cross-entropy 64x4097',
    () => ({
      variables: { x: values(1, 64, 4097) },
      constants: { classes: { dtype: 'int32', shape: [64], data: new Int32Array(64) } },
      upstream: values(3, 64),
      apply: ({ x, classes }) => softmaxCrossEntropy(x as Tensor, classes as Tensor),
    }),
  ]);
  cases.push([
    'sum of squares 2359296',
    () => ({
      variables: { x: values(1, 2359296) },
      upstream: floats([], [1]),
      apply: ({ x }) => tf.sum(tf.square(x as Tensor)),
    }),
  ]);
  return cases;
}

function hashOf({ data }: HostArray): string {
  return createHash('sha256').update(bytesOf(data)).digest('hex').slice(0, 12);
}

async function survey({
  precisions,
  only = '',
  numerics,
  lanes = LANES,
}: SurveyTask): Promise<SurveyHashes> {
  useArithmetic({ lanes, numerics });
  await startEngine();
  const hashes: Record<string, string> = {};
  for (const [name, make] of [...convolutions(), ...products(), ...others()]) {
    if (!name.includes(only)) continue;
    for (const precision of precisions) {
      const { upstream, ...one } = make();
      const found = await differentiate(one, upstream, { precision });
      for (const [key, array] of Object.entries(found))
        hashes[`${name} ${NAMES[key] ?? key} ${precision}`] = hashOf(array);
    }
  }
  return hashes;
}

process.stdout.write(`${JSON.stringify(await survey(JSON.parse(process.argv[2] ?? '')))}\n`);
