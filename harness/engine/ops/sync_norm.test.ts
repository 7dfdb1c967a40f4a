import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { Meetings } from '../../cluster/meetings.ts';
import { stream } from '../../random/stream.ts';
import { evaluate, floats, type Tensors, withGradients } from '../../testing/evaluate.ts';
import type { HostArray } from '../array.ts';
import { withGradient } from '../gradient.ts';
import { startEngine } from '../index.ts';
import { castTo } from '../op.ts';
import type { Precision } from '../precision.ts';
import { type Tensor, tf } from '../tf.ts';
import { batchNormSync } from './normalization.ts';

beforeAll(startEngine);

/** Sync batch norm over replicas, as a case of the property. */
interface Case {
  /** Samples of each replica. */
  readonly counts: readonly number[];
  /** Pixels a side, where there are any. */
  readonly side: number | undefined;
  readonly channels: number;
  readonly copies: number;
  readonly epsilon: number;
  readonly momentum: number;
  readonly precision: Precision;
}

const cases: fc.Arbitrary<Case> = fc
  .record({
    counts: fc.oneof(
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 12 }),
      fc.constantFrom([2, 1], [1, 31], [31, 1, 1], [1, 2, 1], new Array<number>(12).fill(1)),
    ),
    side: fc.constantFrom(undefined, 1, 2, 3),
    channels: fc.integer({ min: 1, max: 5 }),
    copies: fc.constantFrom(1, 1, 3),
    epsilon: fc.constantFrom(1e-5, 1e-3),
    momentum: fc.constantFrom(0.1, 0.001, 1),
    precision: fc.constantFrom<Precision[]>('fp32', 'bf16'),
  })
  .filter(({ counts }) => counts.reduce((sum, count) => sum + count) > 2);

/** Sixteenths, which bfloat16 holds as they are. */
function sixteenths(name: string, shape: readonly number[], centre = 0): HostArray {
  const draws = stream(1, name, ...shape);
  const size = shape.reduce((a, b) => a * b, 1);
  return floats(
    shape,
    Array.from({ length: size }, () => centre + draws.int(-40, 40) / 16),
  );
}

function inputsOf({ counts, side, channels }: Case) {
  const count = counts.reduce((sum, one) => sum + one);
  const shape = [count, ...(side === undefined ? [] : [side, side]), channels];
  return {
    x: sixteenths('x', shape, 1),
    scale: sixteenths('scale', [channels]),
    offset: sixteenths('offset', [channels]),
    mean: sixteenths('mean', [channels]),
    variance: sixteenths('variance', [channels], 3),
    upstream: sixteenths('upstream', shape),
  };
}

/** The definition, on the batches of all replicas put together: float64, in plain loops. */
function plainly({ epsilon, momentum, copies }: Case, inputs: ReturnType<typeof inputsOf>) {
  const channels = inputs.scale.data.length;
  const at = (name: keyof typeof inputs, c: number) => Number(inputs[name].data[c]);
  const size = inputs.x.data.length;
  const found = {
    y: new Float64Array(size),
    'grad.x': new Float64Array(size),
    'grad.scale': new Float64Array(channels),
    'grad.offset': new Float64Array(channels),
    mean: new Float64Array(channels),
    variance: new Float64Array(channels),
  };
  /** What the terms of each gradient are as large as, before they cancel. */
  const terms = new Float64Array(size);
  for (let c = 0; c < channels; c++) {
    const places = Array.from({ length: size / channels }, (_, i) => i * channels + c);
    const n = places.length;
    const total = (f: (k: number) => number) => places.reduce((sum, k) => sum + f(k), 0);
    const mean = total((k) => at('x', k)) / n;
    const variance = total((k) => (at('x', k) - mean) ** 2) / n;
    const inverse = 1 / Math.sqrt(variance + epsilon);
    const unit = (k: number) => (at('x', k) - mean) * inverse;
    const shift = total((k) => at('upstream', k));
    const slope = total((k) => at('upstream', k) * unit(k));
    for (const k of places) {
      const flat = at('upstream', k) - shift / n - (unit(k) * slope) / n;
      found.y[k] = unit(k) * at('scale', c) + at('offset', c);
      found['grad.x'][k] = at('scale', c) * inverse * flat;
      const largest = Math.abs(at('upstream', k)) + Math.abs(shift / n) + Math.abs(slope / n);
      terms[k] = Math.abs(at('scale', c)) * inverse * largest;
    }
    found['grad.scale'][c] = slope;
    found['grad.offset'][c] = shift;
    const unbiased = (variance * (n * copies)) / (n * copies - 1);
    found.mean[c] = (1 - momentum) * at('mean', c) + momentum * mean;
    found.variance[c] = (1 - momentum) * at('variance', c) + momentum * unbiased;
  }
  return { found, terms };
}

function narrow(x: Tensor): Tensor {
  return withGradient([x], () => ({
    value: castTo(x, 'bfloat16'),
    gradients: (dy) => [castTo(dy, 'float32')],
  }));
}

/** The same in the graph, each replica with its own samples. */
function inShards(tensors: Tensors, one: Case): Tensors {
  const meetings = new Meetings(one.counts.length, one.counts);
  const states: [string, Tensor][] = [];
  const made = withGradients(['x', 'scale', 'offset'], tensors, (inner) => {
    const { x, scale, offset, mean, variance } = inner as Readonly<Record<string, Tensor>>;
    if (!x || !scale || !offset || !mean || !variance) throw new Error('an input is missing');
    const values = tf.split(x, [...one.counts]).map((shard, r) => {
      const taken = one.precision === 'bf16' ? narrow(shard) : shard;
      const before = { mean, variance };
      const meeting = meetings.at('norm', r);
      const { value, state } = batchNormSync(taken, scale, offset, before, one, meeting);
      states.push([`mean${r}`, state.mean], [`variance${r}`, state.variance]);
      return value;
    });
    return tf.concat(values);
  });
  meetings.close();
  return { ...made, ...Object.fromEntries(states) };
}

it('sync batch norm is the norm of all samples together, however few of them a replica has', async () => {
  const holds = fc.asyncProperty(cases, async (one) => {
    const inputs = inputsOf(one);
    const { found: expected, terms } = plainly(one, inputs);
    const { precision } = one;
    const found = await evaluate(inputs, (tensors) => inShards(tensors, one), { precision });
    const rounding = precision === 'bf16' ? 2 ** -8 : 2 ** -18;
    const slack = (name: string, i: number) => {
      if (name === 'grad.x') return rounding * (terms[i] ?? 0);
      return name === 'y' ? rounding * 8 : 2 ** -18 * inputs.upstream.data.length;
    };
    const states = { mean: true, variance: true }; // each replica has its own, all alike
    for (const [name, values] of Object.entries(expected))
      for (const key of name in states ? one.counts.map((_, r) => `${name}${r}`) : [name])
        values.forEach((value, i) => {
          const gap = Math.abs(Number(found[key]?.data[i]) - value);
          if (!(gap <= slack(name, i))) expect.fail(`${key}[${i}] is off by ${gap} from ${value}`);
        });
  });
  await fc.assert(holds, { seed: 24, numRuns: 25 });
});
