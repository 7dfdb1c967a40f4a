import { relu } from '../../harness/engine/ops/activation.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import type { Module } from '../../harness/nn/module.ts';
import { convBias, doubling } from './layers.ts';
import { binaryCrossEntropy } from './losses.ts';
import type { RoiAlignSpec } from './roi_align.ts';
import type { Forward } from './rpn.ts';

export interface MaskSpec {
  /** Channels between the two layers: 256. */
  readonly channels: number;
}

/** Pixels of a mask along a side: regions are pooled, halved by res5 and doubled by the head. */
export function maskSide({ output }: Pick<RoiAlignSpec, 'output'>): number {
  return 2 * Math.ceil(output / 2);
}

const HEAD = 'roi_heads.mask_head';

/** Layers of the mask head by detectron2's names: He et al. 2017, arXiv:1703.06870, figure 4 left. */
export function maskHead(inputs: number, classes: number, { channels }: MaskSpec) {
  const layers: Record<string, Module> = {
    [`${HEAD}.deconv`]: doubling(inputs, channels),
    [`${HEAD}.predictor`]: convBias({ inputs: channels, outputs: classes, size: 1 }, 0.001),
  };
  return layers;
}

/**
 * A plane of logits for each class.
 * @param pooled behind res5, [F, 7, 7, C]
 * @returns [F, 14, 14, classes]
 */
export function maskForward(forward: Forward, pooled: Tensor): Tensor {
  return forward(`${HEAD}.predictor`, relu(forward(`${HEAD}.deconv`, pooled)));
}

/**
 * Mean binary cross entropy of the true class's plane over the regions that count; 0 where none does.
 * @param logits [F, side, side, classes]
 * @param classes int32 [F]
 * @param targets float32 [F, side, side], 0 or 1
 * @param counts float32 [F]: 1 for a region that counts, else 0
 */
export function maskLoss(logits: Tensor, classes: Tensor, targets: Tensor, counts: Tensor): Tensor {
  const [count = 0, side = 0, , planes = 0] = logits.shape;
  const own = tf.cast(tf.oneHot(classes, planes), 'float32'); // [F, classes]
  const chosen = tf.reshape(tf.mul(own, tf.expandDims(counts, 1)), [count, 1, 1, planes]);
  const weights = tf.mul(tf.ones([count, side, side, planes]), chosen);
  const goals = tf.mul(weights, tf.expandDims(targets, 3));
  const regions = tf.maximum(tf.sum(counts), tf.scalar(1));
  const total = binaryCrossEntropy(logits, goals, weights);
  return tf.div(total, tf.mul(regions, tf.scalar(side * side)));
}
