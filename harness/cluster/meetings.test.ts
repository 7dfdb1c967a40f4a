import { beforeAll, describe, expect, it } from 'vitest';
import type { HostArray } from '../engine/array.ts';
import { startEngine } from '../engine/index.ts';
import { ONE_OVER_COUNT } from '../engine/ops/normalization.ts';
import { type Scalar, type Tensor, tf } from '../engine/tf.ts';
import { initialValue } from '../nn/initialise.ts';
import { type LayerContext, type Module, type Params, sequential } from '../nn/module.ts';
import { neck, neckSpec } from '../nn/necks.ts';
import { resnet, resnetSpec } from '../nn/resnet.ts';
import { fillNormal, stream } from '../random/stream.ts';
import { evaluate, floats } from '../testing/evaluate.ts';
import { Meetings } from './meetings.ts';
import { treeSum } from './tree.ts';

beforeAll(startEngine);

const COUNT = 4096;

/** Values of many magnitudes, so that another order of additions gives other bits. */
function parts(replicas: number): HostArray[] {
  return Array.from({ length: replicas }, (_, r) => {
    const draws = stream(1, 'part', r);
    const values = Array.from({ length: COUNT }, () => draws.normal() * 10 ** draws.int(-3, 3));
    return floats([COUNT], values);
  });
}

function tree(values: readonly ArrayLike<number>[]): Float32Array {
  if (values.length === 1) return Float32Array.from(values[0] ?? []);
  const half = values.length / 2;
  const [left, right] = [tree(values.slice(0, half)), tree(values.slice(half))];
  return left.map((x, i) => Math.fround(x + (right[i] ?? 0)));
}

function chain(values: readonly Float32Array[]): Float32Array {
  return values.reduce((sum, value) => sum.map((x, i) => Math.fround(x + (value[i] ?? 0))));
}

describe.each([1, 2, 4, 8])('sums over %i replicas', (replicas) => {
  const values = parts(replicas);
  const named = Object.fromEntries(values.map((value, r) => [`part${r}`, value]));
  const data = values.map((value) => value.data as Float32Array);

  it('are the fixed tree, bit by bit', async () => {
    const { y } = await evaluate(named, (inputs) => ({ y: treeSum(Object.values(inputs)) }));
    expect(y?.data).toEqual(tree(data));
    if (replicas > 2) expect(tree(data)).not.toEqual(chain(data));
  });

  it('reach every replica through a meeting', async () => {
    const found = await evaluate(named, (inputs) => {
      const meetings = new Meetings(replicas);
      const sums = Object.values(inputs).map((value, r) => meetings.total('here', r, value));
      const doubled = sums.map((sum, r) => [`y${r}`, tf.mul(sum, 2)] as const);
      meetings.close();
      return Object.fromEntries(doubled);
    });
    const expected = tree(data).map((x) => Math.fround(2 * x));
    for (let r = 0; r < replicas; r++) expect(found[`y${r}`]?.data).toEqual(expected);
  });
});

it('a replica that stays away is an error', async () => {
  const alone = evaluate({ x: floats([1], [1]) }, ({ x }) => {
    const meetings = new Meetings(2);
    const y = meetings.total('bn1', 1, x as Tensor);
    meetings.close();
    return { y };
  });
  await expect(alone).rejects.toThrow('replicas part: bn1 was reached by replicas [1] of 2');
});

it('a layer whose values are not in the proportion of the batches is an error', async () => {
  const parting = evaluate({ x: floats([3], [1, 2, 3]) }, ({ x }) => {
    const meetings = new Meetings(2, [2, 1]);
    meetings.at('bn1', 0).scaled(x as Tensor, 6, ONE_OVER_COUNT);
    return { y: meetings.at('bn1', 1).scaled(x as Tensor, 6, ONE_OVER_COUNT) };
  });
  await expect(parting).rejects.toThrow(
    'replicas part: bn1 has 6 values of replica 1, but batches are [2,1]',
  );
});

it('counts are those of all replicas, also where others are not traced here', async () => {
  const { y } = await evaluate({ x: floats([1], [1]) }, ({ x }) => ({
    y: new Meetings(12, [1, 2, ...new Array(10).fill(3)])
      .at('bn1', 1)
      .scaled(x as Tensor, 98, { known: (count) => count, found: (count) => count }),
  }));
  expect(y?.data[0]).toBe(49 * 33);
});

const IMAGE = [8, 16, 16, 3] as const;

/** Output and gradients of a network on one batch, cut into shards of so many images. */
function applied(
  module: Module,
  counts: readonly number[],
  images: HostArray,
  upstream: HostArray,
) {
  const replicas = counts.length;
  const weights = [...module.parameters].map(
    ([name, spec]) => [name, initialValue(spec, stream(1, 'init', name))] as const,
  );
  const names = weights.map(([name]) => name);
  const inputs = { ...Object.fromEntries(weights), images, upstream };
  return evaluate(inputs, (tensors) => {
    const meetings = new Meetings(replicas, counts);
    let outputs: Tensor[] = [];
    const loss = (...values: Tensor[]) => {
      const params = Object.fromEntries(names.map((name, i) => [name, values[i]])) as Params;
      outputs = tf
        .split(tensors.images as Tensor, [...counts])
        .map((shard, r) => module.apply(params, shard, context(module, meetings, r, replicas)));
      return tf.sum<Scalar>(tf.mul(tf.concat(outputs), tensors.upstream as Tensor));
    };
    const gradients = tf.grads(loss)(names.map((name) => tensors[name] as Tensor));
    meetings.close();
    return {
      y: tf.concat(outputs),
      ...Object.fromEntries(names.map((name, i) => [name, gradients[i] as Tensor])),
    };
  });
}

function context(
  module: Module,
  meetings: Meetings,
  replica: number,
  replicas: number,
  prefix = '',
): LayerContext {
  return {
    train: true,
    replicas,
    buffer: (name) => {
      const spec = module.buffers.get(prefix + name);
      if (spec === undefined) throw new Error(`no buffer ${prefix}${name}`);
      return tf.zeros([...spec.shape], spec.dtype === 'int64' ? 'int32' : 'float32');
    },
    update: () => {},
    chance: () => {
      throw new Error('no dropout was expected');
    },
    meeting: (name) => meetings.at(prefix + name, replica),
    scope: (inner) => context(module, meetings, replica, replicas, prefix + inner),
  };
}

const OUT = 6;

/** A backbone, and a neck whose norms are over rows. */
function network(norm: 'batch' | 'sync'): Module {
  const { module, channels } = resnet(
    resnetSpec.parse({ depth: 18, width: 1 / 16, stem: 'cifar', norm }),
  );
  const top = neckSpec.parse({ kind: 'layers', hidden: [12], out: OUT, norm, bias: true });
  return sequential([module, neck(top, channels)]);
}

describe('a network with sync norms on shards is the one with batch norms on the whole', () => {
  const [count] = IMAGE;
  const images = floats(IMAGE, fillNormal(stream(1, 'x'), new Float32Array(count * 768), 1));
  const upstream = floats(
    [count, OUT],
    fillNormal(stream(1, 'up'), new Float32Array(count * OUT), 1),
  );
  let whole: Awaited<ReturnType<typeof applied>>;
  beforeAll(async () => {
    whole = await applied(network('batch'), [count], images, upstream);
  });

  it.each([[[2, 2, 2, 2]], [[4, 3, 1]], [[1, 7]], [[1, 1, 1, 2, 3]]])('of %j', async (counts) => {
    const found = await applied(network('sync'), counts, images, upstream);
    for (const [name, { data }] of Object.entries(whole))
      if (!/fc\d\.bias$/.test(name))
        // of rounding alone, in front of a norm
        expect(distance(found[name]?.data, data), name).toBeLessThan(2e-3);
  });

  it('bit by bit with one replica, and not at all without the sync', async () => {
    expect(await applied(network('sync'), [count], images, upstream)).toEqual(whole);
    const parted = await applied(network('batch'), [2, 2, 2, 2], images, upstream);
    expect(distance(parted.y?.data, whole.y?.data)).toBeGreaterThan(0.1);
  });
});

/** Largest difference, as a share of the largest value. */
function distance(a: HostArray['data'] | undefined, b: HostArray['data'] | undefined): number {
  const [left, right] = [Array.from(a ?? [], Number), Array.from(b ?? [], Number)];
  const gaps = right.map((x, i) => Math.abs(x - (left[i] ?? Number.NaN)));
  return Math.max(...gaps) / Math.max(...right.map(Math.abs));
}
