import { z } from 'zod';
import { defineBenchmark, type Metrics, type Target } from '../harness/benchmark/kit.ts';
import type { ExperimentInput } from '../harness/experiment/index.ts';
import {
  classification,
  classifier,
  defineMethod,
  SOBEL_CHANNELS,
  scored,
  sobel,
  UserError,
} from '../harness/experiment/kit.ts';
import { cifar10Subset, drawnSubset, imagenetSubset } from './subsets.ts';
import {
  experimentOf,
  learningBackbone,
  trainedData,
  trainedEpochs,
  training,
} from './training.ts';

export const semiMethodSpec = z
  .strictObject({
    classes: z.int().min(2),
    /** Edges instead of colours for the backbone. */
    sobel: z.literal(true).optional(),
    /** Deviation of the weights of the head at the start. */
    initStd: z.number().nonnegative(),
  })
  .readonly();
export type SemiMethodSpec = z.output<typeof semiMethodSpec>;

/**
 * All of a network learns from a few labels (docs/reference/benchmarks.md, section 8). It is judged as
 * `head0_top1`.
 */
export const semiMethod = defineMethod<SemiMethodSpec>({
  kind: 'semi',
  schema: semiMethodSpec,
  views: 1,
  labels: true,
  channels: ({ sobel: edges }) => (edges ? SOBEL_CHANNELS.edges : SOBEL_CHANNELS.image),

  checkData({ classes }, data) {
    if (data.classes !== classes)
      throw new UserError(
        `method.classes: found ${classes}, expected the ${data.classes} classes of data.train`,
      );
  },

  model: ({ classes, sobel: edges, initStd }, backbone) => ({
    networks: {
      ...(edges ? { sobel_layer: sobel } : {}),
      backbone: backbone.module,
      head: classifier({
        inputs: backbone.channels,
        classes,
        pool: true,
        initial: { kind: 'normal', std: initStd },
      }),
    },
    backbone: 'backbone.',
    ...(edges ? { input: { network: 'sobel_layer', channels: SOBEL_CHANNELS.image } } : {}),
    classifier: { networks: ['backbone', 'head'], classes, heads: 1 },
  }),

  loss({ sobel: edges }, step) {
    const image = step.view(0);
    const seen = edges ? step.forward('sobel_layer', image) : image;
    const features = step.forward('backbone', seen); // [N, H', W', D]
    return scored(classification(step.forward('head', features), step.labels));
  },
});

const rates = z.array(z.number().positive()).min(1).readonly();

/** ImageNet, docs/reference/benchmarks.md, section 8. */
export const semiSpec = z
  .strictObject({
    /** Of the training images that keep their labels. */
    percent: z.literal([1, 10]).default(1),
    data: trainedData.optional(),
    classes: z.int().min(2).default(1000),
    initStd: z.number().nonnegative().default(0.01),
    ...training({
      replicas: 4,
      batch: 64,
      epochs: 20,
      lr: 0.01, // of no cell, which `lrs` says
      momentum: 0.9,
      nesterov: false,
      weightDecay: 5e-4,
      milestones: [12, 16],
      gamma: 0.2,
      judgeEvery: 20,
      judgeBatch: 32,
      keepEvery: 20,
      logEvery: 50,
    }),
  })
  .readonly();
