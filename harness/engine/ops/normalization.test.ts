import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Meetings } from '../../cluster/meetings.ts';
import { agree, near, normal } from '../../testing/agree.ts';
import {
  type Arrays,
  differentiate,
  evaluate,
  floats,
  type Tensors,
  withGradients,
} from '../../testing/evaluate.ts';
import type { HostArray } from '../array.ts';
import { startEngine } from '../index.ts';
import { type Tensor, tf } from '../tf.ts';
import {
  type BatchNormState,
  batchNormEval,
  batchNormSync,
  batchNormTrain,
} from './normalization.ts';

beforeAll(startEngine);

/** The gradient of a batch norm is a small difference of larger terms. */
const BOUND = 2e-4;
const AXES = [0, 1, 2];

const cases = fc
  .record({
    n: fc.integer({ min: 1, max: 6 }),
    height: fc.integer({ min: 1, max: 6 }),
    width: fc.integer({ min: 1, max: 6 }),
    channels: fc.integer({ min: 1, max: 9 }),
    epsilon: fc.constantFrom(1e-5, 1e-3),
    momentum: fc.constantFrom(0.1, 0.01, 0.5, 1),
  })
  .filter(({ n, height, width }) => n * height * width >= 4);

type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;

/** The inputs of a batch norm whose channels have means and deviations of their own. */
function inputs({ n, height, width, channels }: Case): { variables: Arrays; constants: Arrays } {
  const raw = normal('x', n, height, width, channels);
  const [centre, spread] = [normal('centre', channels), normal('spread', channels)];
  const values = Array.from(raw.data, Number).map((x, k) => {
    const c = k % channels;
    return x * (0.5 + Math.abs(Number(spread.data[c]))) + 3 * Number(centre.data[c]);
  });
  return {
    variables: {
      x: floats(raw.shape, values),
      scale: normal('scale', channels),
      offset: normal('offset', channels),
    },
    constants: { mean: normal('mean', channels), variance: positive('variance', channels) },
  };
}

function positive(name: string, ...shape: number[]): HostArray {
  const { data } = normal(name, ...shape);
  return floats(
    shape,
    Array.from(data, Number).map((x) => 0.1 + Math.abs(x)),
  );
}

function args(tensors: Tensors): [Tensor, Tensor, Tensor, BatchNormState] {
  const { x, scale, offset, mean, variance } = tensors as Readonly<Record<string, never>>;
  return [x, scale, offset, { mean, variance }] as never;
}

/** Batch norm by elementary ops, differentiated by tfjs. */
function elementary(tensors: Tensors, epsilon: number): Tensor {
  const [x, scale, offset] = args(tensors);
  const mean = tf.mean(x, AXES);
  const variance = tf.mean(tf.square(tf.sub(x, mean)), AXES);
  return tf.add(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, epsilon))), scale), offset);
}

/** Running statistics after a batch, in float64 loops; PyTorch's: biased to normalise, unbiased kept. */
function moved({ variables, constants }: ReturnType<typeof inputs>, momentum: number) {
  const data = Array.from(variables.x?.data ?? [], Number);
  const channels = constants.mean?.data.length ?? 0;
  const count = data.length / channels;
  const before = (name: string, c: number) => Number(constants[name]?.data[c]);
  const of = (c: number) => data.filter((_, k) => k % channels === c);
  const means = Array.from({ length: channels }, (_, c) => of(c).reduce((a, b) => a + b) / count);
  const variances = means.map(
    (mean, c) => of(c).reduce((sum, x) => sum + (x - mean) ** 2, 0) / (count - 1),
  );
  const step = (name: string, values: readonly number[]) => ({
    data: values.map((value, c) => (1 - momentum) * before(name, c) + momentum * value),
  });
  return { mean: step('mean', means), variance: step('variance', variances) };
}

describe('batch norm over shapes', () => {
  it('training: value, gradients and running statistics', async () => {
    const holds = fc.asyncProperty(cases, async (one) => {
      const { n, height, width, channels, epsilon, momentum } = one;
      const given = inputs(one);
      await agree({
        ...given,
        shape: [n, height, width, channels],
        ours: (tensors) => batchNormTrain(...args(tensors), { epsilon, momentum }).value,
        theirs: (tensors) => elementary(tensors, epsilon),
        bound: BOUND,
      });
      const after = await evaluate({ ...given.variables, ...given.constants }, (tensors) => ({
        ...batchNormTrain(...args(tensors), { epsilon, momentum }).state,
      }));
      near(after, moved(given, momentum));
    });
    await fc.assert(holds, { seed: 1, numRuns: 25 });
  });

  it('inference: value and gradients with the running statistics', async () => {
    const holds = fc.asyncProperty(cases, async (one) => {
      const { n, height, width, channels, epsilon } = one;
      await agree({
        ...inputs(one),
        shape: [n, height, width, channels],
        ours: (tensors) => batchNormEval(...args(tensors), epsilon),
        theirs: (tensors) => {
          const [x, scale, offset, { mean, variance }] = args(tensors);
          const unit = tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, epsilon)));
          return tf.add(tf.mul(unit, scale), offset);
        },
        bound: BOUND,
      });
    });
    await fc.assert(holds, { seed: 2, numRuns: 15 });
  });

  it('over replicas, also of unequal batches: that of the concatenated batch', async () => {
    const holds = fc.asyncProperty(
      cases,
      fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 2, maxLength: 5 }),
      async (shard, counts) => {
        const one = { ...shard, n: counts.reduce((sum, count) => sum + count, 0) };
        const given = inputs(one);
        const { n, height, width, channels, epsilon, momentum } = one;
        const upstream = normal('upstream', n, height, width, channels);
        const found = await evaluate(
          { ...given.variables, ...given.constants, upstream },
          (tensors) => inShards(tensors, counts, { epsilon, momentum }),
        );
        const whole = await differentiate(
          {
            ...given,
            apply: (tensors) => batchNormTrain(...args(tensors), { epsilon, momentum }).value,
          },
          upstream,
        );
        near(found, whole, BOUND);
        near(found, moved(given, momentum));
        for (let r = 1; r < counts.length; r++) {
          expect(found[`mean${r}`]).toEqual(found.mean);
          expect(found[`variance${r}`]).toEqual(found.variance);
        }
      },
    );
    await fc.assert(holds, { seed: 3, numRuns: 15 });
  });
});

/**
 * Sync batch norm of a batch cut into shards of so many samples: value, gradients, running statistics
 * of each replica.
 */
function inShards(
  tensors: Tensors,
  counts: readonly number[],
  options: { readonly epsilon: number; readonly momentum: number },
): Tensors {
  const meetings = new Meetings(counts.length, counts);
  const states: [string, Tensor][] = [];
  const made = withGradients(['x', 'scale', 'offset'], tensors, (inner) => {
    const [x, ...rest] = args(inner);
    const values = tf.split(x, [...counts]).map((shard, r) => {
      const { value, state } = batchNormSync(shard, ...rest, options, meetings.at('norm', r));
      const name = r === 0 ? '' : String(r);
      states.push([`mean${name}`, state.mean], [`variance${name}`, state.variance]);
      return value;
    });
    return tf.concat(values);
  });
  meetings.close();
  return { ...made, ...Object.fromEntries(states) };
}
