import { relu } from '../../harness/engine/ops/activation.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import type { Module } from '../../harness/nn/module.ts';
import type { Stream } from '../../harness/random/stream.ts';
import { encodeBoxes } from './box_coder.ts';
import { type Boxes, boxCount, boxesAt } from './boxes.ts';
import { convBias } from './layers.ts';
import { absoluteError, binaryCrossEntropy } from './losses.ts';
import { type Matches, matched } from './matcher.ts';
import { ANCHOR_WEIGHTS } from './proposals.ts';
import { type Sample, type SampleSpec, sampled } from './sampling.ts';

export interface RpnSpec extends SampleSpec {
  /** IoU below which an anchor is background, and from which on it is an object. */
  readonly thresholds: readonly [low: number, high: number];
}

/** Calls a network of the detector by its name. */
export type Forward = (network: string, x: Tensor) => Tensor;

const HEAD = 'proposal_generator.rpn_head';

/** Region proposal network, Ren et al. 2015, arXiv:1506.01497: its layers by detectron2's names. */
export function rpnHead(channels: number, anchors: number): Record<string, Module> {
  const [inputs, std] = [channels, 0.01];
  return {
    [`${HEAD}.conv`]: convBias({ inputs, outputs: channels, size: 3, padding: 1 }, std),
    [`${HEAD}.objectness_logits`]: convBias({ inputs, outputs: anchors, size: 1 }, std),
    [`${HEAD}.anchor_deltas`]: convBias({ inputs, outputs: 4 * anchors, size: 1 }, std),
  };
}

export interface RpnOutput {
  /** [N, H, W, anchors of a cell]. */
  readonly logits: Tensor;
  /** [N, H, W, 4 anchors], the four of an anchor together. */
  readonly deltas: Tensor;
}

/** @param features [N, H, W, C] */
export function rpnForward(forward: Forward, features: Tensor): RpnOutput {
  const hidden = relu(forward(`${HEAD}.conv`, features));
  return {
    logits: forward(`${HEAD}.objectness_logits`, hidden),
    deltas: forward(`${HEAD}.anchor_deltas`, hidden),
  };
}

/** Ground truth and label of every anchor of one image. */
export function matchAnchors(truths: Boxes, anchors: Boxes, { thresholds }: RpnSpec): Matches {
  return matched(truths, anchors, { thresholds, labels: [0, -1, 1], lowQuality: true });
}

/** What the anchors of one image learn; everything that was not drawn counts nothing. */
export interface AnchorTargets {
  /** 1 for an object, [A]. */
  readonly labels: Float32Array;
  /** 1 where drawn, [A]. */
  readonly drawn: Float32Array;
  /** 1 for an object that was drawn, [A, 4]. */
  readonly moved: Float32Array;
  /** Of those, [A, 4]. */
  readonly deltas: Float32Array;
}

/** Matches and draws. @param stream of this image and step alone */
export function drawAnchors(
  truths: Boxes,
  anchors: Boxes,
  spec: RpnSpec,
  stream: Stream,
): AnchorTargets {
  const matches = matchAnchors(truths, anchors, spec);
  return anchorTargets(truths, anchors, matches, sampled(matches.label, spec, stream));
}

export function anchorTargets(
  truths: Boxes,
  anchors: Boxes,
  { truth }: Matches,
  { positive, negative }: Sample,
): AnchorTargets {
  const count = boxCount(anchors);
  const [labels, drawn] = [new Float32Array(count), new Float32Array(count)];
  const [moved, deltas] = [new Float32Array(4 * count), new Float32Array(4 * count)];
  for (const i of negative) drawn[i] = 1;
  const goals = boxesAt(
    truths,
    Array.from(positive, (i) => truth[i] ?? 0),
  );
  const own = encodeBoxes(boxesAt(anchors, positive), goals, ANCHOR_WEIGHTS);
  positive.forEach((i, k) => {
    labels[i] = 1;
    drawn[i] = 1;
    moved.fill(1, 4 * i, 4 * i + 4);
    deltas.set(own.subarray(4 * k, 4 * k + 4), 4 * i);
  });
  return { labels, drawn, moved, deltas };
}

/** `AnchorTargets` of all images of a batch: [N, A] and [N, A, 4]. */
export type AnchorTensors = Readonly<Record<keyof AnchorTargets, Tensor>>;

/**
 * Both losses over the drawn anchors. The divisor is the number that was asked for, whatever was drawn
 * (docs/reference/detection.md, section 7).
 */
export function rpnLosses({ logits, deltas }: RpnOutput, targets: AnchorTensors, spec: SampleSpec) {
  const [images = 0, anchors = 0] = targets.labels.shape;
  const share = tf.scalar(1 / (spec.count * images));
  const scores = tf.reshape(logits, [images, anchors]);
  const moves = tf.reshape(deltas, [images, anchors, 4]);
  return {
    loss_rpn_cls: tf.mul(binaryCrossEntropy(scores, targets.labels, targets.drawn), share),
    loss_rpn_loc: tf.mul(absoluteError(moves, targets.deltas, targets.moved), share),
  };
}
