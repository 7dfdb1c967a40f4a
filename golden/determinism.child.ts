import { createHash } from 'node:crypto';
import { roiAlign } from '../benchmarks/detection/roi_align.ts';
import { type Numerics, useNumerics } from '../harness/engine/arithmetic.ts';
import { bytesOf, type HostArray, hostArray } from '../harness/engine/array.ts';
import { withGradient } from '../harness/engine/gradient.ts';
import { startEngine } from '../harness/engine/index.ts';
import { useLanes } from '../harness/engine/lanes.ts';
import { fingerprint } from '../harness/engine/native/fingerprint.ts';
import { op1 } from '../harness/engine/op.ts';
import { relu } from '../harness/engine/ops/activation.ts';
import { conv2d } from '../harness/engine/ops/convolution.ts';
import { softmaxCrossEntropy } from '../harness/engine/ops/cross_entropy.ts';
import { groupNorm } from '../harness/engine/ops/group_norm.ts';
import { groupedConv2d } from '../harness/engine/ops/grouped_convolution.ts';
import { rows } from '../harness/engine/ops/indexing.ts';
import { linear } from '../harness/engine/ops/linear.ts';
import { batchNormTrain } from '../harness/engine/ops/normalization.ts';
import { blended } from '../harness/engine/ops/passes.ts';
import { avgPool, maxPool } from '../harness/engine/ops/pooling.ts';
import { type Precision, toCompute, toFloat } from '../harness/engine/precision.ts';
import type { ProgramOptions } from '../harness/engine/program.ts';
import { type Tensor, tf } from '../harness/engine/tf.ts';
import { resnet, resnetSpec } from '../harness/nn/resnet.ts';
import { resolveRules } from '../harness/optim/rules.ts';
import { OptimizerSpec } from '../harness/optim/spec.ts';
import { fillNormal, stream } from '../harness/random/stream.ts';
import { trainableNames } from '../harness/step/definition.ts';
import { Learner } from '../harness/step/learner.ts';
import { runStep } from '../harness/step/step.ts';
import { type Arrays, differentiate, floats, type Tensors } from '../harness/testing/evaluate.ts';
import { exactCompat } from '../harness/testing/exact_compat.ts';
import { moco } from '../methods/moco.ts';

/** What a process of the determinism tests does; one JSON argument. */
export interface Task {
  readonly options: ProgramOptions;
  /** Those of the experiment; the default where left out. */
  readonly lanes?: number;
  readonly numerics?: Numerics;
  /** Steps of MoCo in each precision; 0 runs single ops only. */
  readonly steps: number;
  /** Precisions to run in; both unless given. */
  readonly precisions?: readonly Precision[];
}

/** Hashes by what they are of. */
export type Hashes = Readonly<Record<string, string>>;

const REPLICAS = 2;
const BATCH = 8;
const SIZE = 32;

function hashOf(arrays: Iterable<readonly [string, HostArray]>): string {
  const hash = createHash('sha256');
  for (const [name, { data }] of arrays) hash.update(name).update(bytesOf(data));
  return hash.digest('hex').slice(0, 16);
}

function normal(name: string, ...shape: number[]): HostArray {
  const count = shape.reduce((a, b) => a * b, 1);
  return floats(shape, fillNormal(stream(1, name), new Float32Array(count), 1));
}

/** The state after some steps of a small MoCo on two replicas. */
async function train(precision: Precision, steps: number, options: ProgramOptions) {
  const backbone = resnet(resnetSpec.parse({ depth: 18, width: 0.125, stem: 'cifar' }));
  const neck = { kind: 'mlp', hidden: 64, out: 32 };
  const method = moco.bind({ kind: 'moco', queue: 512, neck });
  const model = method.model(backbone);
  const optimizer = OptimizerSpec.parse({ kind: 'lars', lr: 0.3, weightDecay: 1e-4 });
  const rules = resolveRules(optimizer, trainableNames(model));
  const normalise = { mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] };
  const shape = { replicas: REPLICAS, batch: BATCH, size: SIZE, channels: 3, accumulate: 1 };
  const learner = new Learner(
    { method, model, optimizer, rules, normalise, precision, compat: exactCompat, ...shape },
    options,
  );
  await learner.initialise(1);
  const count = REPLICAS * BATCH;
  for (let step = 0; step < steps; step++) {
    const pixels = stream(1, 'pixels', step);
    const view = () =>
      Uint8Array.from({ length: count * SIZE * SIZE * 3 }, () => pixels.int(0, 255));
    const batch = {
      views: [view(), view()],
      indices: Int32Array.from({ length: count }, (_, i) => i),
      draws: { shuffle: stream(1, 'shuffle', step).permutation(count) },
    };
    await runStep(learner.program, batch, { rate: 0.3 });
  }
  const state = await learner.save();
  learner.dispose();
  return hashOf(state);
}

/** As a layer hands on what it makes. */
function narrowed(x: Tensor): Tensor {
  return withGradient([x], () => ({ value: toCompute(x), gradients: (dy) => [toFloat(dy)] }));
}

interface Single {
  readonly variables: Arrays;
  readonly constants?: Arrays;
  readonly apply: (tensors: Tensors) => Tensor;
  readonly upstream: HostArray;
}

/** Ops whose work is cut up: sums over many elements, alone, at sizes that reach several threads. */
/** Boxes of many sizes in an image of 480 x 384. */
function regions(count: number): HostArray {
  const rows = Array.from({ length: count }, (_, i) => {
    const [x, y] = [(37 * i) % 300, (53 * i) % 240];
    return [x, y, x + 16 + ((29 * i) % 160), y + 16 + ((71 * i) % 120)];
  });
  return floats([count, 4], rows.flat());
}

function singles(): Record<string, Single> {
  const of = ({ x }: Tensors) => x as Tensor;
  const spread = Int32Array.from({ length: 8192 }, (_, i) => (i * 7) % 64);
  const places = hostArray('int32', [8192], spread);
  const image = normal('image', 16, 32, 32, 32);
  const long = normal('long', 1_000_001);
  const scalar = floats([], [1]);
  const statistics = { mean: floats([32], new Array(32).fill(0)), variance: normal('v', 32) };
  const norm = { epsilon: 1e-5, momentum: 0.1 };
  return {
    sum: { variables: { x: long }, upstream: scalar, apply: (t) => tf.sum(of(t)) },
    norm: {
      variables: { x: long },
      upstream: scalar,
      apply: (t) => tf.sqrt(tf.sum(tf.square(of(t)))),
    },
    mean_rows: {
      variables: { x: normal('tall', 16384, 48) },
      upstream: normal('up', 48),
      apply: (t) => tf.mean(of(t), 0),
    },
    linear: {
      variables: { x: normal('in', 4096, 128), w: normal('w', 96, 128), b: normal('b', 96) },
      upstream: normal('up', 4096, 96),
      apply: ({ x, w, b }) => linear(x as Tensor, w as Tensor, b),
    },
    group_norm: {
      variables: { x: image, scale: normal('scale', 32), offset: normal('offset', 32) },
      upstream: normal('up', 16, 32, 32, 32),
      apply: ({ x, scale, offset }) =>
        groupNorm(x as Tensor, scale as Tensor, offset as Tensor, { groups: 4, epsilon: 1e-5 }),
    },
    grouped_conv: {
      variables: { x: image, w: normal('grouped', 3, 3, 4, 32) },
      upstream: normal('up', 16, 32, 32, 32),
      apply: ({ x, w }) => groupedConv2d(x as Tensor, w as Tensor, 8, { padding: 1 }),
    },
    queue: {
      variables: { x: normal('q', 64, 128) },
      constants: { queue: normal('queue', 4096, 128) },
      upstream: normal('up', 64, 4096),
      apply: ({ x, queue }) => tf.matMul(x as Tensor, queue as Tensor, false, true),
    },
    conv2d: {
      variables: { x: image, w: normal('w', 3, 3, 32, 48) },
      upstream: normal('up', 16, 16, 16, 48),
      apply: ({ x, w }) => conv2d(x as Tensor, w as Tensor, { stride: 2, padding: 1 }),
    },
    batch_norm: {
      variables: { x: image, scale: normal('scale', 32), offset: normal('offset', 32) },
      constants: statistics,
      upstream: image,
      apply: ({ x, scale, offset, ...state }) =>
        batchNormTrain(x as Tensor, scale as Tensor, offset as Tensor, state as never, norm).value,
    },
    max_pool: {
      variables: { x: image },
      upstream: normal('up', 16, 16, 16, 32),
      apply: (t) => maxPool(of(t), { size: 3, stride: 2, padding: 1 }),
    },
    avg_pool: {
      variables: { x: image },
      upstream: normal('up', 16, 16, 16, 32),
      apply: (t) => avgPool(of(t), { size: 3, stride: 2, padding: 1 }),
    },
    rows: {
      variables: { x: normal('table', 64, 256) },
      constants: { places },
      upstream: normal('up', 8192, 256),
      apply: ({ x, places }) => rows(x as Tensor, places as Tensor),
    },
    roi_align: {
      variables: { x: normal('map', 24, 30, 64) },
      constants: { boxes: regions(64) },
      upstream: normal('up', 64, 14, 14, 64),
      apply: ({ x, boxes }) =>
        roiAlign(
          x as Tensor,
          boxes as Tensor,
          { output: 14, scale: 1 / 16, samplingRatio: 0, aligned: true },
          4,
        ),
    },
    cross_entropy: {
      variables: { x: normal('logits', 8192, 256) },
      constants: { places },
      upstream: normal('up', 8192),
      apply: ({ x, places }) => softmaxCrossEntropy(x as Tensor, places as Tensor),
    },
    relu_of_sum: {
      variables: { x: normal('term', 600_001), y: normal('other', 600_001) },
      upstream: normal('up', 600_001),
      apply: ({ x, y }) => relu(tf.add(narrowed(x as Tensor), narrowed(y as Tensor))),
    },
    moving_average: {
      variables: { scale: scalar },
      constants: { x: long, y: normal('next', 1_000_001) },
      upstream: long,
      apply: ({ scale, x, y }) => {
        const [keep, take] = [tf.scalar(0.99), tf.scalar(0.01)];
        return tf.mul(scale as Tensor, blended(x as Tensor, keep, y as Tensor, take));
      },
    },
    l2_loss: {
      variables: { scale: scalar },
      constants: { x: long },
      upstream: scalar,
      apply: ({ scale, x }) => tf.mul(scale as Tensor, op1('L2Loss', [x as Tensor])),
    },
  };
}

async function run(task: Task): Promise<Hashes> {
  const { options, lanes, numerics, steps, precisions = ['fp32', 'bf16'] } = task;
  useNumerics(numerics);
  await startEngine();
  if (lanes !== undefined) useLanes(lanes);
  const hashes: Record<string, string> = { fingerprint: fingerprint().id };
  for (const [name, { upstream, ...one }] of Object.entries(singles()))
    for (const precision of precisions) {
      const found = await differentiate(one, upstream, { ...options, precision });
      hashes[`${name} ${precision}`] = hashOf(Object.entries(found));
    }
  if (steps > 0)
    for (const precision of precisions)
      hashes[`moco ${precision}`] = await train(precision, steps, options);
  return hashes;
}

process.stdout.write(`${JSON.stringify(await run(JSON.parse(process.argv[2] ?? '')))}\n`);
