import { softmaxCrossEntropy } from '../../harness/engine/ops/cross_entropy.ts';
import { globalAvgPool } from '../../harness/engine/ops/pooling.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import { classification } from '../../harness/nn/heads.ts';
import { linear } from '../../harness/nn/layers.ts';
import type { Module } from '../../harness/nn/module.ts';
import type { Stream } from '../../harness/random/stream.ts';
import { type CoderWeights, encodeBoxes } from './box_coder.ts';
import { type Boxes, boxCount, boxesAt, joinedBoxes } from './boxes.ts';
import { absoluteError } from './losses.ts';
import { matched } from './matcher.ts';
import type { Forward } from './rpn.ts';
import { type SampleSpec, sampled } from './sampling.ts';

export interface RoiSpec extends SampleSpec {
  /** IoU from which on a region shows an object. */
  readonly threshold: number;
  readonly coderWeights: CoderWeights;
}

/** Regions of one image that are learnt from: those that show an object first. */
export interface Regions {
  /** Rows of the proposals, followed by the ground truths. */
  readonly index: Int32Array;
  readonly boxes: Boxes;
  /** The number of classes for background. */
  readonly classes: Int32Array;
  /** The ground truth of each; 0, 0, 0, 0 where an image has none. */
  readonly truths: Boxes;
}

/**
 * Draws regions among proposals and ground truths (docs/reference/detection.md, section 8).
 * @param classes of the ground truths, from 0
 * @param background the number of classes
 * @param stream of this image and step alone
 */
export function drawRegions(
  proposed: Boxes,
  truths: Boxes,
  classes: ArrayLike<number>,
  background: number,
  spec: RoiSpec,
  stream: Stream,
): Regions {
  const pool = joinedBoxes([proposed, truths]);
  const { truth, label } = matchRegions(truths, pool, spec);
  const { positive, negative } = sampled(label, spec, stream);
  const index = Int32Array.of(...positive, ...negative);
  return regionsAt(
    index,
    pool,
    truths,
    (i) => (label[i] === 1 ? (classes[truth[i] ?? 0] ?? background) : background),
    truth,
  );
}

function regionsAt(
  index: Int32Array,
  pool: Boxes,
  truths: Boxes,
  classOf: (i: number) => number,
  truth: Int32Array,
): Regions {
  const goals = index.map((i) => truth[i] ?? 0);
  return {
    index,
    boxes: boxesAt(pool, index),
    classes: index.map(classOf),
    truths: boxesAt(truths, goals),
  };
}

/** Ground truth and label of every region of one image. */
export function matchRegions(truths: Boxes, regions: Boxes, { threshold }: RoiSpec) {
  return matched(truths, regions, { thresholds: [threshold], labels: [0, 1], lowQuality: false });
}

/** How each region has to move: [R, 4]; zeros for background. */
export function regionDeltas(
  { boxes, classes, truths }: Pick<Regions, 'boxes' | 'classes' | 'truths'>,
  background: number,
  { coderWeights }: RoiSpec,
): Float32Array {
  const deltas = encodeBoxes(boxes, truths, coderWeights);
  for (let i = 0; i < boxCount(boxes); i++)
    if (classes[i] === background) deltas.fill(0, 4 * i, 4 * i + 4);
  return deltas;
}

const PREDICTOR = 'roi_heads.box_predictor';

/** Layers of the box head by detectron2's names. */
export function boxPredictor(channels: number, classes: number): Record<string, Module> {
  const drawn = (outputs: number, std: number) =>
    linear({ inputs: channels, outputs, initial: { kind: 'normal', std } });
  return {
    [`${PREDICTOR}.cls_score`]: drawn(classes + 1, 0.01),
    [`${PREDICTOR}.bbox_pred`]: drawn(4 * classes, 0.001),
  };
}

export interface BoxOutput {
  /** [R, classes + 1], background last. */
  readonly scores: Tensor;
  /** [R, 4 classes], class by class. */
  readonly deltas: Tensor;
}

/** @param pooled behind res5, [R, 7, 7, C] */
export function boxForward(
  forward: Forward,
  pooled: Tensor,
): BoxOutput & { readonly mean: Tensor } {
  const mean = globalAvgPool(pooled);
  return {
    mean,
    scores: forward(`${PREDICTOR}.cls_score`, mean),
    deltas: forward(`${PREDICTOR}.bbox_pred`, mean),
  };
}

/** What the regions of a batch learn. */
export interface RegionGoals {
  /** int32 [R]; the number of classes for background. */
  readonly classes: Tensor;
  /** How each has to move, float32 [R, 4]. */
  readonly deltas: Tensor;
  /** 1 for regions that count, float32 [R]; all of them unless given. */
  readonly counts?: Tensor;
}

/**
 * Losses over all regions of the batch; that of boxes counts the true class's and divides by background as well
 * (docs/reference/detection.md, section 9).
 */
export function boxLosses(
  { scores, deltas }: BoxOutput,
  { classes, deltas: goals, counts }: RegionGoals,
) {
  const [rows = 0, width = 0] = deltas.shape;
  const own = tf.expandDims(tf.oneHot(classes, width / 4), 2); // background is beyond the last
  const each = counts === undefined ? tf.ones([1, 1, 4]) : tf.tile(column(counts), [1, 1, 4]);
  const weights = tf.mul(tf.cast(own, 'float32'), each);
  const targets = tf.mul(weights, tf.expandDims(goals, 1));
  const moves = tf.reshape(deltas, [rows, width / 4, 4]);
  const error = absoluteError(moves, targets, weights);
  if (counts === undefined) {
    const { loss } = classification(scores, classes);
    return { loss_cls: loss, loss_box_reg: tf.div(error, tf.scalar(rows)) };
  }
  const count = tf.maximum(tf.sum(counts), tf.scalar(1));
  const losses = tf.mul(softmaxCrossEntropy(scores, classes), counts);
  return { loss_cls: tf.div(tf.sum(losses), count), loss_box_reg: tf.div(error, count) };
}

function column(x: Tensor): Tensor {
  return tf.reshape(x, [-1, 1, 1]);
}
