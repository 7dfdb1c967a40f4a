import { op1 } from '../../harness/engine/op.ts';
import { rows } from '../../harness/engine/ops/indexing.ts';
import { toFloat } from '../../harness/engine/precision.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import type { Module } from '../../harness/nn/module.ts';
import type { AnchorSpec } from './anchors.ts';
import { type BackboneSpec, backbone, res4Channels, res5, res5Channels } from './backbone.ts';
import type { DetectionSpec } from './detections.ts';
import { type MaskSpec, maskForward, maskHead, maskLoss } from './mask_head.ts';
import type { ProposalSpec } from './proposals.ts';
import { type RoiAlignSpec, roiAlign } from './roi_align.ts';
import { boxForward, boxLosses, boxPredictor, type RoiSpec } from './roi_head.ts';
import {
  type AnchorTensors,
  type Forward,
  type RpnOutput,
  type RpnSpec,
  rpnForward,
  rpnHead,
  rpnLosses,
} from './rpn.ts';

/** Faster R-CNN or Mask R-CNN on a ResNet's third stage, as docs/reference/detection.md has it. */
export interface DetectorSpec {
  readonly classes: number;
  readonly backbone: BackboneSpec;
  /** One more norm behind res5, OpenSelfSup's. */
  readonly extraNorm: boolean;
  readonly anchors: AnchorSpec;
  readonly rpn: RpnSpec;
  readonly proposals: { readonly train: ProposalSpec; readonly test: ProposalSpec };
  readonly pooler: RoiAlignSpec;
  readonly roi: RoiSpec;
  readonly mask?: MaskSpec | undefined;
  readonly detections: DetectionSpec;
}

/** All layers by detectron2's names. */
export function networks(spec: DetectorSpec): Record<string, Module> {
  const { anchors, classes, mask } = spec;
  const [shared, pooled] = [res4Channels(spec.backbone), res5Channels(spec.backbone)];
  return {
    backbone: backbone(spec.backbone),
    ...rpnHead(shared, anchors.sizes.length * anchors.ratios.length),
    'roi_heads.res5': res5(spec.backbone, spec.extraNorm),
    ...boxPredictor(pooled, classes),
    ...(mask === undefined ? {} : maskHead(pooled, classes, mask)),
  };
}

/** The regions of a batch, image by image, and what they learn. */
export interface RegionTensors {
  /** Of each image, float32 [R of it, 4]. */
  readonly boxes: readonly Tensor[];
  /** int32 [R of all]; the number of classes for background. */
  readonly classes: Tensor;
  /** float32 [R of all, 4]. */
  readonly deltas: Tensor;
  /** The most samples that a bin of theirs has along an axis: `mostSamples`. */
  readonly samples: number;
  /** 1 for regions that count, float32 [R of all]; all of them unless given. */
  readonly counts?: Tensor;
}

/** Regions that show an object, of all images. */
export interface MaskTensors {
  /** Their rows among all regions, int32 [F]. */
  readonly index: Tensor;
  /** int32 [F]. */
  readonly classes: Tensor;
  /** float32 [F, 14, 14]. */
  readonly targets: Tensor;
  /** 1 for rows that count, float32 [F]. */
  readonly counts: Tensor;
}

export interface TrainingBatch {
  /** Normalised, zeros at the bottom and right of smaller ones: [N, H, W, 3]. */
  readonly images: Tensor;
  readonly anchors: AnchorTensors;
  /** As they are, or drawn from what the RPN says of the same pictures. */
  readonly regions: RegionTensors | ((proposed: RpnOutput) => RegionTensors);
  /** As they are, or by what is known once regions are drawn. */
  readonly masks?: MaskTensors | (() => MaskTensors) | undefined;
}

/** All but the network that looks at the pictures: what a training step is told. */
export type HeadSpec = Omit<DetectorSpec, 'backbone'>;

/** Sees a value between two layers by detectron2's name for it, and hands it on. */
export type Observe = (name: string, value: Tensor) => Tensor;

/** All losses of a step; what is trained is their plain sum. */
export function trainingLosses(
  spec: HeadSpec,
  forward: Forward,
  { images, anchors, regions: given, masks }: TrainingBatch,
  observe: Observe = (_, value) => value,
): Record<string, Tensor> {
  const features = observe('res4', forward('backbone', images)); // [N, H / 16, W / 16, C]
  const proposed = rpnForward(forward, features);
  const rpn = rpnLosses(
    {
      logits: observe('rpn.objectness_logits', proposed.logits),
      deltas: observe('rpn.anchor_deltas', proposed.deltas),
    },
    anchors,
    spec.rpn,
  );

  const regions = typeof given === 'function' ? given(proposed) : given;
  const pooled = observe(
    'pooled',
    poolRegions(features, regions.boxes, spec.pooler, regions.samples),
  );
  const seen = forward('roi_heads.res5', pooled); // [R, 7, 7, C']
  const { mean, scores, deltas } = boxForward(forward, seen);
  observe('res5_mean', mean);
  const boxes = boxLosses(
    { scores: observe('cls_score', scores), deltas: observe('bbox_pred', deltas) },
    regions,
  );
  const losses = { ...rpn, loss_cls: boxes.loss_cls, loss_box_reg: boxes.loss_box_reg };
  if (masks === undefined) return losses;

  const { index, classes, targets, counts } = typeof masks === 'function' ? masks() : masks;
  const logits = observe('mask_logits', maskForward(forward, rows(seen, index)));
  return { ...losses, loss_mask: maskLoss(logits, classes, targets, counts) };
}

/** Regions of every image, one image after another: [R of all, 14, 14, C]. */
export function poolRegions(
  features: Tensor,
  boxes: readonly Tensor[],
  spec: RoiAlignSpec,
  samples: number,
): Tensor {
  // The gradient that tfjs has for `unstack` fails where there is one.
  const maps = features.shape[0] === 1 ? [tf.squeeze(features, [0])] : tf.unstack(features);
  const pooled = boxes.flatMap((own, i) => {
    const map = maps[i];
    return map === undefined || own.shape[0] === 0 ? [] : [roiAlign(map, own, spec, samples)];
  });
  const [first] = pooled;
  if (first === undefined) throw new Error('detection: no image of the batch has a region');
  return pooled.length === 1 ? first : tf.concat(pooled, 0);
}

/** The first pass of inference: what the host makes proposals of. */
export function proposing(forward: Forward, images: Tensor) {
  const features = forward('backbone', images);
  const { logits, deltas } = rpnForward(forward, features);
  return { features, logits: toFloat(logits), deltas: toFloat(deltas) };
}

/** The second one: class probabilities, background last, and deltas of every region. */
export function judging(
  spec: DetectorSpec,
  forward: Forward,
  features: Tensor,
  boxes: readonly Tensor[],
  samples: number,
) {
  const seen = forward('roi_heads.res5', poolRegions(features, boxes, spec.pooler, samples));
  const { scores, deltas } = boxForward(forward, seen);
  const logits = toFloat(scores);
  return { logits, probabilities: op1('Softmax', [logits]), deltas: toFloat(deltas) };
}

/**
 * The third one, with masks: of final boxes, the logits of all classes, [D, 14, 14, classes], and the probabilities of
 * the detected one, [D, 14, 14].
 * @param classes int32 [D of all images]
 */
export function masking(
  spec: DetectorSpec,
  forward: Forward,
  features: Tensor,
  boxes: readonly Tensor[],
  classes: Tensor,
  samples: number,
) {
  const seen = forward('roi_heads.res5', poolRegions(features, boxes, spec.pooler, samples));
  const logits = toFloat(maskForward(forward, seen));
  const [count = 0, , , planes = 0] = logits.shape;
  const own = tf.reshape(tf.cast(tf.oneHot(classes, planes), 'float32'), [count, 1, 1, planes]);
  return { logits, probabilities: op1('Sigmoid', [tf.sum(tf.mul(logits, own), 3)]) };
}
