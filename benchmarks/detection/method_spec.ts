import { z } from 'zod';
import type { AnchorSpec } from './anchors.ts';

const positive = z.int().positive();
const share = z.number().min(0).max(1);
const weights = z.tuple([z.number(), z.number(), z.number(), z.number()]).readonly();

function proposals({ before, after }: { readonly before: number; readonly after: number }) {
  return z
    .strictObject({
      before: positive.default(before),
      after: positive.default(after),
      threshold: share.default(0.7),
      minSize: z.number().nonnegative().default(0),
    })
    .readonly()
    .prefault({});
}

/** Faster R-CNN's numbers, docs/reference/detection.md, sections 6 to 11, each by the name of its part. */
export const methodSpec = z
  .strictObject({
    classes: positive,
    /** Order of an image's channels as the network takes them. */
    channels: z.enum(['rgb', 'bgr']).default('rgb'),
    extraNorm: z.boolean().default(true),
    anchors: z
      .strictObject({
        sizes: z.array(z.number().positive()).min(1).readonly().default([32, 64, 128, 256, 512]),
        ratios: z.array(z.number().positive()).min(1).readonly().default([0.5, 1, 2]),
        stride: positive.default(16),
        offset: z.number().default(0),
      })
      .readonly()
      .prefault({}),
    rpn: z
      .strictObject({
        thresholds: z.tuple([share, share]).readonly().default([0.3, 0.7]),
        count: positive.default(256),
        positiveFraction: share.default(0.5),
      })
      .readonly()
      .prefault({}),
    proposals: z
      .strictObject({
        train: proposals({ before: 12_000, after: 2000 }),
        test: proposals({ before: 6000, after: 1000 }),
      })
      .readonly()
      .prefault({}),
    pooler: z
      .strictObject({
        output: positive.default(14),
        scale: z
          .number()
          .positive()
          .default(1 / 16),
        samplingRatio: z.int().nonnegative().default(0),
        aligned: z.boolean().default(true),
      })
      .readonly()
      .prefault({}),
    roi: z
      .strictObject({
        threshold: share.default(0.5),
        count: positive.default(512),
        positiveFraction: share.default(0.25),
        coderWeights: weights.default([10, 10, 5, 5]),
      })
      .readonly()
      .prefault({}),
    /** With it masks are learnt and found as well. */
    mask: z
      .strictObject({ channels: positive.default(256) })
      .readonly()
      .optional(),
    detections: z
      .strictObject({
        scoreThreshold: share.default(0.05),
        nmsThreshold: share.default(0.5),
        most: positive.default(100),
        coderWeights: weights.default([10, 10, 5, 5]),
      })
      .readonly()
      .prefault({}),
  })
  .readonly();
export type MethodSpec = z.output<typeof methodSpec>;

/** Anchors of a cell of the feature map. */
export function anchorsOfCell({ sizes, ratios }: AnchorSpec): number {
  return sizes.length * ratios.length;
}
