import { z } from 'zod';
import { UserError } from '../harness/base/errors.ts';
import type { Replica } from '../harness/cluster/replicas.ts';
import { tf } from '../harness/engine/tf.ts';
import { defineMethod, type Outcome } from '../harness/experiment/method.ts';
import { classification, classifier } from '../harness/nn/heads.ts';
import { featureMonitors } from '../harness/nn/monitors.ts';

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
  draws: [],
  labels: true,

  check: () => undefined,

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
    followers: {},
    backbone: 'backbone.',
    classifier: { networks: ['backbone', 'head'], classes },
    state: {},
  }),

  // biome-ignore lint/correctness/useYield: replicas meet in their norms alone
  *loss(_, step): Replica<Outcome> {
    const features = step.forward('backbone', step.view(0)); // [N, H', W', D]
    const logits = step.forward('head', features); // [N, classes]
    const { loss, accuracy } = classification(logits, step.labels);
    step.observe('acc', tf.mul(accuracy, tf.scalar(100)));
    return { loss, shares: { accuracy }, metrics: featureMonitors(features) };
  },
});
