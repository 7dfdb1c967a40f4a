import { z } from 'zod';
import { predictorConfig } from './configs.ts';

const count = z.int().positive();

/** The reference's ClsHead config. */
export const classifierConfig = z.strictObject({
  type: z.literal('ClsHead'),
  with_avg_pool: z.boolean().default(false),
  in_channels: count.default(2048),
  num_classes: count.default(1000),
});

/** The reference's ContrastiveHead config. */
export const contrastiveConfig = z.strictObject({
  type: z.literal('ContrastiveHead'),
  temperature: z.number().positive().default(0.1),
});

/** The reference's heads of two networks: a predictor on one, held against the other. */
export const latentConfig = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('LatentPredictHead'),
    predictor: predictorConfig,
    size_average: z.boolean().default(true),
  }),
  z.strictObject({
    type: z.literal('LatentClsHead'),
    predictor: z.looseObject({ in_channels: count, num_classes: count }),
  }),
]);

/** Fields of every model of the reference's that say nothing about its training step. */
export const modelFields = { pretrained: z.null().optional() };
