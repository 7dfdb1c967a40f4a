import { z } from 'zod';
import {
  checkClassCount,
  classification,
  classifier,
  defineMethod,
  featureMonitors,
  SOBEL_CHANNELS,
  scored,
  sobel,
} from '../harness/experiment/kit.ts';

export const supervisedSpec = z
  .strictObject({
    /** Of the data's labels. */
    classes: z.int().min(2),
    /** Deviation of the weights of the head at the start. */
    initStd: z.number().nonnegative().default(0.01),
    /** Edges instead of colours for the backbone. */
    sobel: z.literal(true).optional(),
    /**
     * Values of an image's whole map of features, which then go to the head one by one in place of their
     * average over pixels.
     */
    flat: z.int().positive().optional(),
  })
  .readonly();
export type SupervisedSpec = z.output<typeof supervisedSpec>;

/**
 * Classification with the true labels, He et al. 2016, arXiv:1512.03385: what the methods without
 * labels are measured against (docs/reference/methods.md, section 14). Where the backbone is frozen
 * it is a linear classifier on it.
 */
export const supervised = defineMethod<SupervisedSpec>({
  kind: 'supervised',
  schema: supervisedSpec,
  views: 1,
  labels: true,
  channels: ({ sobel: edges }) => (edges ? SOBEL_CHANNELS.edges : SOBEL_CHANNELS.image),

  checkData: checkClassCount,

  model: ({ classes, initStd, sobel: edges, flat }, backbone) => ({
    networks: {
      ...(edges ? { sobel_layer: sobel } : {}),
      backbone: backbone.module,
      head: classifier({
        inputs: flat ?? backbone.channels,
        classes,
        pool: flat === undefined ? true : 'flat',
        initial: { kind: 'normal', std: initStd },
      }),
    },
    backbone: 'backbone.',
    ...(edges ? { input: { network: 'sobel_layer', channels: SOBEL_CHANNELS.image } } : {}),
    classifier: { networks: ['backbone', 'head'], classes },
  }),

  loss({ sobel: edges }, step) {
    const image = step.view(0);
    const seen = edges ? step.forward('sobel_layer', image) : image;
    const features = step.forward('backbone', seen); // [N, H', W', D]
    const logits = step.forward('head', features); // [N, classes]
    return { ...scored(classification(logits, step.labels)), metrics: featureMonitors(features) };
  },
});
