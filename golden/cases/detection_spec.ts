import { z } from 'zod';
import type { BackboneSpec } from '../../benchmarks/detection/backbone.ts';
import type { DetectorSpec } from '../../benchmarks/detection/c4.ts';
import type { SolverSpec } from '../../benchmarks/detection/solver.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';

const count = z.int().positive();
const numbers = z.array(z.number());
const topk = z.tuple([count, count]);

const Model = z.looseObject({
  depth: z.union([z.literal(50), z.literal(101)]),
  stem_out_channels: count,
  res2_out_channels: count,
  res2_bottleneck_channels: count,
  stride_in_1x1: z.boolean(),
  norm: z.literal('BN (one process)'),
  extra_norm: z.boolean(),
  freeze_at: z.literal(0),
  pixel_mean: numbers,
  pixel_std: numbers,
  num_classes: count,
  anchor_sizes: numbers,
  anchor_ratios: numbers,
  anchor_offset: z.number(),
  rpn: z.strictObject({
    iou_thresholds: z.tuple([z.number(), z.number()]),
    batch_size_per_image: count,
    positive_fraction: z.number(),
    smooth_l1_beta: z.literal(0),
    pre_nms_topk: topk,
    post_nms_topk: topk,
    nms_threshold: z.number(),
    min_size: z.number(),
  }),
  roi: z.strictObject({
    iou_threshold: z.number(),
    batch_size_per_image: count,
    positive_fraction: z.number(),
    append_gt: z.literal(true),
    smooth_l1_beta: z.literal(0),
    bbox_reg_weights: z.tuple([z.number(), z.number(), z.number(), z.number()]),
    pooler_resolution: count,
    sampling_ratio: z.int().nonnegative(),
    score_threshold: z.number(),
    nms_threshold: z.number(),
    detections_per_image: count,
  }),
  mask_head: z
    .strictObject({
      num_conv: z.literal(0),
      conv_dim: count,
      class_agnostic: z.literal(false),
      mask_size: count,
    })
    .optional(),
});

const Training = z.looseObject({
  optimizer: z.strictObject({
    type: z.literal('SGD'),
    base_lr: z.number(),
    momentum: z.number(),
    weight_decay: z.number(),
    weight_decay_norm: z.literal(0),
    nesterov: z.literal(false),
  }),
  schedule: z.looseObject({
    warmup_iters: z.int().nonnegative(),
    warmup_factor: z.number(),
    warmup_method: z.literal('linear'),
    steps: z.array(count),
  }),
  first_iteration: z.int().nonnegative(),
  steps: count,
});

const STRIDE = 16;

/** The detector that a case's hyper-parameters describe. */
export function detectorOf(fixture: Fixture) {
  const given = fixture.field('hyper_parameters', Model);
  const { rpn, roi, mask_head } = given;
  const top = (mode: 0 | 1) => ({
    before: rpn.pre_nms_topk[mode],
    after: rpn.post_nms_topk[mode],
    threshold: rpn.nms_threshold,
    minSize: rpn.min_size,
  });
  const spec: DetectorSpec = {
    classes: given.num_classes,
    backbone: backboneOf(given),
    extraNorm: given.extra_norm,
    anchors: {
      sizes: given.anchor_sizes,
      ratios: given.anchor_ratios,
      stride: STRIDE,
      offset: given.anchor_offset,
    },
    rpn: {
      thresholds: rpn.iou_thresholds,
      count: rpn.batch_size_per_image,
      positiveFraction: rpn.positive_fraction,
    },
    proposals: { train: top(0), test: top(1) },
    pooler: {
      output: roi.pooler_resolution,
      scale: 1 / STRIDE,
      samplingRatio: roi.sampling_ratio,
      aligned: true,
    },
    roi: {
      threshold: roi.iou_threshold,
      count: roi.batch_size_per_image,
      positiveFraction: roi.positive_fraction,
      coderWeights: roi.bbox_reg_weights,
    },
    mask: mask_head && { channels: mask_head.conv_dim },
    detections: {
      scoreThreshold: roi.score_threshold,
      nmsThreshold: roi.nms_threshold,
      most: roi.detections_per_image,
      coderWeights: roi.bbox_reg_weights,
    },
  };
  return { spec, pixels: { mean: given.pixel_mean, std: given.pixel_std } };
}

function backboneOf(given: z.output<typeof Model>): BackboneSpec {
  return {
    depth: given.depth,
    stem: given.stem_out_channels,
    res2: given.res2_out_channels,
    inner: given.res2_bottleneck_channels,
    strideIn: given.stride_in_1x1 ? '1x1' : '3x3',
    // Rounding of the quick ones turns a ReLU or two of nets this narrow around.
    norm: 'exact',
  };
}

/** How a case learns. */
export function solverOf(fixture: Fixture) {
  const { optimizer, schedule, ...run } = fixture.field('hyper_parameters', Training);
  const solver: SolverSpec = {
    lr: optimizer.base_lr,
    momentum: optimizer.momentum,
    weightDecay: optimizer.weight_decay,
    warmup: { iterations: schedule.warmup_iters, factor: schedule.warmup_factor },
    steps: schedule.steps,
  };
  return { solver, first: run.first_iteration, steps: run.steps };
}
