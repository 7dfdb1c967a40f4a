import { z } from 'zod';
import {
  classification,
  classifier,
  defineMethod,
  featureMonitors,
  scored,
  UserError,
} from '../harness/experiment/kit.ts';

export const supervisedSpec = z
  .strictObject({
    /** Of the data's labels. */
    classes: z.int().min(2),
    /** Deviation of the weights of the head at the start. */
    initStd: z.number().nonnegative().default(0.01),
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

  checkData({ classes }, data) {
    if (data.classes !== classes)
      throw new UserError(
        `method.classes: found ${classes}, expected the ${data.classes} classes of data.train`,
      );
  },

  model: ({ classes, initStd }, backbone) => ({
    networks: {
      backbone: backbone.module,
      head: classifier({
        inputs: backbone.channels,
        classes,
        pool: true,
        initial: { kind: 'normal', std: initStd },
      }),
    },
    backbone: 'backbone.',
    classifier: { networks: ['backbone', 'head'], classes },
  }),

  loss(_, step) {
    const features = step.forward('backbone', step.view(0)); // [N, H', W', D]
    const logits = step.forward('head', features); // [N, classes]
    return { ...scored(classification(logits, step.labels)), metrics: featureMonitors(features) };
  },
});
