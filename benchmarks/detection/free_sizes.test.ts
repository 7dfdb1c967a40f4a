import { beforeAll, describe, expect, it } from 'vitest';
import { bytesOf, type HostArray, sizeOf } from '../../harness/engine/array.ts';
import { startEngine } from '../../harness/engine/index.ts';
import {
  type EntryDefinition,
  type InputSpec,
  type Io,
  Program,
  type Sizes,
} from '../../harness/engine/program.ts';
import { detached, type Scalar, type Tensor, tf } from '../../harness/engine/tf.ts';
import { initialValue } from '../../harness/nn/initialise.ts';
import { stream } from '../../harness/random/stream.ts';
import { normal } from '../../harness/testing/agree.ts';
import { layerContext } from '../../harness/testing/layer_context.ts';
import { anchorGrid } from './anchors.ts';
import { bindNetworks, entriesOf } from './bind.ts';
import { type DetectorSpec, networks, trainingLosses } from './c4.ts';
import { exactNorm } from './exact_norm.ts';
import { type GraphRegions, graphProposals, graphRegions } from './graph_regions.ts';
import { addDetecting, detect, featureSize } from './infer.ts';
import type { NormKind } from './layers.ts';
import { type OwnRegions, ownRows, regionSizes } from './own_rows.ts';
import type { RpnOutput } from './rpn.ts';

beforeAll(startEngine);

const specWith = (norm: NormKind): DetectorSpec => ({
  classes: 3,
  backbone: { depth: 50, stem: 4, res2: 8, inner: 2, strideIn: '3x3', norm },
  extraNorm: true,
  anchors: { sizes: [16, 48], ratios: [1], stride: 16, offset: 0 },
  rpn: { thresholds: [0.3, 0.7], count: 8, positiveFraction: 0.5 },
  proposals: {
    train: { before: 150, after: 30, threshold: 0.7, minSize: 0 },
    test: { before: 40, after: 10, threshold: 0.7, minSize: 0 },
  },
  pooler: { output: 14, scale: 1 / 16, samplingRatio: 0, aligned: true },
  roi: { threshold: 0.3, count: 32, positiveFraction: 0.25, coderWeights: [10, 10, 5, 5] },
  mask: { channels: 4 },
  detections: { scoreThreshold: 0.05, nmsThreshold: 0.5, most: 5, coderWeights: [10, 10, 5, 5] },
});
const spec = specWith('batch');
const range = { least: 144, most: 272 };
/** For a map of the largest size: more than a bin ever has. */
const SAMPLES = 3;
const IMAGES = 2;
const MOST = 3;
/** Regions of each image that the mask head sees. */
const SHOWN = 2;

const side = (sizes: Sizes, name: string) => sizes[name] ?? 0;
const cellsOf = (sizes: Sizes) =>
  featureSize({ height: side(sizes, 'height'), width: side(sizes, 'width') });
const anchorsOf = (sizes: Sizes) => {
  const [rows, columns] = cellsOf(sizes);
  return rows * columns * 2;
};

/** Shapes of what a training step takes, by the size of its batch. */
function inputsAt(): Record<string, InputSpec & { readonly shape: (s: Sizes) => number[] }> {
  const float = (shape: (s: Sizes) => number[]) => ({ dtype: 'float32', shape }) as const;
  const int = (shape: (s: Sizes) => number[]) => ({ dtype: 'int32', shape }) as const;
  return {
    images: float((s) => [IMAGES, side(s, 'height'), side(s, 'width'), 3]),
    anchors: float((s) => [anchorsOf(s), 4]),
    sizes: float(() => [IMAGES, 2]),
    labels: float((s) => [IMAGES, anchorsOf(s)]),
    drawn: float((s) => [IMAGES, anchorsOf(s)]),
    moved: float((s) => [IMAGES, anchorsOf(s), 4]),
    deltas: float((s) => [IMAGES, anchorsOf(s), 4]),
    truths: float(() => [IMAGES, MOST, 4]),
    classes: int(() => [IMAGES, MOST]),
    counts: int(() => [IMAGES]),
    keys: float(() => [IMAGES, spec.proposals.train.after + MOST]),
    targets: float(() => [IMAGES * SHOWN, 14, 14]),
  };
}

/** Arrays of these shapes for one batch: random images, and boxes in them. */
function batchOf(sizes: Sizes): Record<string, HostArray['data']> {
  const draws = stream(3, 'batch', side(sizes, 'height'), side(sizes, 'width'));
  const [height, width] = [side(sizes, 'height'), side(sizes, 'width')];
  const box = () => {
    const [x, y] = [draws.int(0, width - 70), draws.int(0, height - 70)];
    return [x, y, x + draws.int(20, 69), y + draws.int(20, 69)];
  };
  const coin = () => draws.int(0, 1);
  const made: Record<string, (i: number) => number> = {
    labels: coin,
    drawn: coin,
    moved: coin,
    keys: () => Math.fround(draws.uniform()),
    targets: coin,
    classes: () => draws.int(0, 2),
    counts: (i) => [MOST, 1][i] ?? 0,
    sizes: (i) => [height, width - 10, height - 20, width][i] ?? 0,
  };
  const given: Record<string, Float32Array> = {
    anchors: anchorGrid(spec.anchors, ...cellsOf(sizes)),
    truths: Float32Array.from(Array.from({ length: IMAGES * MOST }, box).flat()),
  };
  return Object.fromEntries(
    Object.entries(inputsAt()).map(([name, { dtype, shape }]) => {
      const length = sizeOf(shape(sizes));
      const make = made[name] ?? (() => draws.normal());
      const list = given[name] ?? Array.from({ length }, (_, i) => make(i));
      return [name, dtype === 'int32' ? Int32Array.from(list) : Float32Array.from(list)];
    }),
  );
}

type Cut = (drawn: readonly GraphRegions[]) => readonly OwnRegions[];

/** A training step on regions that are drawn in it, as `cut` leaves them. */
function step(own: DetectorSpec, io: Io, cut: Cut) {
  const input = (name: string) => io.inputs[name] as Tensor;
  const part = (name: string, i: number) => tf.unstack(input(name))[i] as Tensor;
  const made = networks(own);
  const names = [...entriesOf(made, 'parameters').keys()];
  const seen: Record<string, Tensor> = {};
  const updates = new Map<string, Tensor>();
  let regions: readonly OwnRegions[] = [];

  const draw = (proposed: RpnOutput) => {
    const logits = tf.unstack(tf.reshape(detached(proposed.logits), [IMAGES, -1]));
    const deltas = tf.unstack(tf.reshape(detached(proposed.deltas), [IMAGES, -1, 4]));
    const drawn = logits.map((of, i) => {
      const found = graphProposals(
        of,
        deltas[i] as Tensor,
        input('anchors'),
        part('sizes', i),
        own.proposals.train,
      );
      const truths = {
        boxes: part('truths', i),
        classes: part('classes', i),
        count: part('counts', i),
      };
      return graphRegions(found, truths, part('keys', i), own.classes, own.roi);
    });
    drawn.forEach(({ count }, i) => {
      seen[`count${i}`] = tf.keep(count);
    });
    regions = cut(drawn);
    return {
      boxes: regions.map(({ boxes }) => boxes),
      classes: tf.concat(
        regions.map(({ classes }) => classes),
        0,
      ),
      deltas: tf.concat(
        regions.map(({ boxes, truths }) => tf.sub(truths, boxes)),
        0,
      ),
      samples: SAMPLES,
    };
  };
  /** The first regions of each image, which show objects if any do. */
  const masks = () => {
    const shown = tf.range(0, SHOWN, 1, 'int32');
    const starts = regions.map((_, i) => {
      const before = regions.slice(0, i).map(({ index }) => tf.sum(tf.onesLike(index)));
      return before.reduce<Tensor>((sum, one) => tf.add(sum, one), tf.scalar(0, 'int32'));
    });
    const index = tf.concat(
      starts.map((start) => tf.add(shown, start)),
      0,
    );
    return {
      index,
      classes: tf.fill([IMAGES * SHOWN], 1, 'int32'),
      targets: input('targets'),
      counts: tf.tensor1d([1, 1, 1, 0]),
    };
  };

  const total = (...values: Tensor[]) => {
    const params = Object.fromEntries(names.map((name, i) => [name, values[i] as Tensor]));
    const bound = bindNetworks(made, params, io, true);
    const losses = trainingLosses(own, bound.forward, {
      images: input('images'),
      anchors: {
        labels: input('labels'),
        drawn: input('drawn'),
        moved: input('moved'),
        deltas: input('deltas'),
      },
      regions: draw,
      masks,
    });
    for (const [name, value] of Object.entries(losses)) seen[name] = tf.keep(value);
    for (const [name, value] of bound.updates) updates.set(name, tf.keep(value));
    return Object.values(losses).reduce((a, b) => tf.add(a, b)) as Scalar;
  };
  const gradients = tf.grads(total)(names.map((name) => io.read(name)));
  names.forEach((name, i) => {
    const gradient = gradients[i] as Tensor;
    seen[`gradient of ${name}`] = gradient;
    io.assign(name, tf.sub(io.read(name), tf.mul(gradient, tf.scalar(0.01))));
  });
  for (const [name, value] of updates) io.assign(name, value);
  return seen;
}

function open(own: DetectorSpec): Program {
  const program = new Program();
  for (const kind of ['parameters', 'buffers'] as const)
    for (const [name, { dtype, shape }] of entriesOf(networks(own), kind))
      program.state(name, { dtype, shape });
  return program;
}

async function start(program: Program): Promise<void> {
  const all = [...entriesOf(networks(spec), 'parameters'), ...entriesOf(networks(spec), 'buffers')];
  await program.writeStates(
    all.map(([name, one]) => [name, initialValue(one, stream(1, 'init', name))] as const),
  );
}

/** What a step gives, and the state after it, as bytes by name. */
async function stepped(program: Program, batch: Record<string, HostArray['data']>, sizes?: Sizes) {
  await start(program);
  const outputs = await program.run('step', batch, sizes);
  const names = [...program.stateSpecs().keys()];
  const state = await program.readStates(names);
  const all = new Map(Object.entries(outputs));
  for (const [i, name] of names.entries()) all.set(`${name} after it`, state[i] as HostArray);
  return all;
}

function differing(found: ReadonlyMap<string, HostArray>, wanted: ReadonlyMap<string, HostArray>) {
  expect([...found.keys()]).toEqual([...wanted.keys()]);
  const bytes = (one?: HostArray) => Buffer.from(one ? bytesOf(one.data) : []);
  return [...found]
    .filter(([name, one]) => !bytes(one).equals(bytes(wanted.get(name))))
    .map(([name]) => name);
}

const BATCHES = [
  { height: 192, width: 240 },
  { height: 271, width: 145 },
  { height: 150, width: 231 },
] as const;

function free(own: DetectorSpec): EntryDefinition {
  return {
    sizes: { height: range, width: range, ...regionSizes('', IMAGES, own.roi.count) },
    inputs: inputsAt(),
    build: (io) => step(own, io, (drawn) => ownRows('', drawn)),
  };
}

describe('a training step of images of every size', () => {
  it('is that of each size, without rows that were not drawn, bit for bit', async () => {
    const program = open(spec);
    program.entry('step', free(spec));
    const short = new Set<number>();
    for (const sizes of BATCHES) {
      const batch = batchOf(sizes);
      const found = await stepped(program, batch, sizes);
      const counts = Array.from({ length: IMAGES }, (_, i) =>
        Number(found.get(`count${i}`)?.data[0]),
      );
      for (const count of counts) short.add(count);
      const alone = open(spec);
      const inputs = Object.entries(inputsAt()).map(
        ([name, { dtype, shape }]) => [name, { dtype, shape: shape(sizes) }] as const,
      );
      const cut: Cut = (drawn) =>
        drawn.map((one, i) => {
          const rows = (x: Tensor) =>
            tf.slice(x, new Array(x.rank).fill(0), [counts[i] ?? 0, ...x.shape.slice(1)]);
          const { index, boxes, classes, goals, truths } = one;
          return {
            index: rows(index),
            boxes: rows(boxes),
            classes: rows(classes),
            goals: rows(goals),
            truths: rows(truths),
          };
        });
      alone.entry('step', {
        inputs: Object.fromEntries(inputs),
        build: (io) => step(spec, io, cut),
      });
      const wanted = await stepped(alone, batch);
      alone.dispose();
      expect(differing(found, wanted)).toEqual([]);
      expect(Number(found.get('loss_mask')?.data[0])).toBeGreaterThan(0);
    }
    // Images gave different numbers of regions, and fewer than were asked for.
    expect(short.size).toBeGreaterThan(1);
    expect(Math.min(...short)).toBeLessThan(spec.roi.count);
    program.dispose();
  }, 400_000);
});

describe('inference on images of every size', () => {
  it('is that of each size, bit for bit, by the same three graphs', async () => {
    const program = open(spec);
    const freely = {
      program,
      name: 'look',
      spec,
      shape: { images: IMAGES, height: range, width: range },
    };
    addDetecting(freely, networks(spec));
    await start(program);
    for (const { height, width } of BATCHES) {
      const alone = open(spec);
      const one = { program: alone, name: 'look', spec, shape: { images: IMAGES, height, width } };
      addDetecting(one, networks(spec));
      await start(alone);
      const images = normal(`pictures ${height}`, IMAGES, height, width, 3).data as Float32Array;
      const sizes = [
        [height, width - 7],
        [height - 9, width],
      ] as const;
      const wanted = await detect(one, images, sizes);
      expect(await detect(freely, images, sizes, { height, width })).toEqual(wanted);
      expect(wanted.found[0]?.detections.scores.length).toBeGreaterThan(0);
      alone.dispose();
    }
    program.dispose();
  }, 400_000);
});

describe('exact norms', () => {
  it('of every size are those of one, but for rounding', async () => {
    const { parameters, buffers, apply } = exactNorm(4);
    const state = Object.fromEntries(
      [...parameters, ...buffers].map(([name, own]): [string, InputSpec] => [
        name,
        { dtype: own.dtype, shape: own.shape },
      ]),
    );
    const build = (io: Io) => {
      const seen: Record<string, Tensor> = {};
      const read = (name: string) => io.inputs[name] as Tensor;
      const context = layerContext({
        buffer: read,
        update: (name, value) => {
          seen[name] = value;
        },
      });
      const own = { weight: read('weight'), bias: read('bias') };
      return { value: apply(own, read('x'), context), ...seen };
    };
    const shape = (s: Sizes) => [2, side(s, 'height'), side(s, 'width'), 4];
    const sizes = { height: 150, width: 177 };
    const program = new Program();
    const x = (of: InputSpec['shape']): InputSpec => ({ dtype: 'float32', shape: of });
    program.entry('free', {
      sizes: { height: range, width: range },
      inputs: { ...state, x: x(shape) },
      build,
    });
    program.entry('fixed', { inputs: { ...state, x: x(shape(sizes)) }, build });
    const data = Object.fromEntries(
      Object.entries(state).map(([name, { dtype }]) => [
        name,
        dtype === 'int64' ? BigInt64Array.of(3n) : normal(name, 4).data,
      ]),
    );
    const batch = { ...data, x: normal('x', ...shape(sizes)).data };
    const [wanted, found] = [
      await program.run('fixed', batch),
      await program.run('free', batch, sizes),
    ];
    expect(Object.keys(found)).toEqual(Object.keys(wanted));
    for (const [name, one] of Object.entries(wanted))
      for (let i = 0; i < Math.min(40, one.data.length); i++)
        expect(Number(found[name]?.data[i])).toBeCloseTo(Number(one.data[i]), 5);
    program.dispose();
  });
});
