import { z } from 'zod';
import {
  defineMethod,
  gather,
  l2Normalize,
  monitors,
  neck,
  neckSpec,
  sequential,
  type Tensor,
  tf,
  UserError,
} from '../harness/experiment/kit.ts';

export const barlowTwinsSpec = z
  .strictObject({
    /** The projector; the paper's has three layers of 8192. */
    neck: neckSpec.prefault({ kind: 'layers', hidden: [8192, 8192], out: 8192, lastNorm: false }),
    /** lambda: weight of what is off the diagonal. */
    offDiagonal: z.number().nonnegative().default(0.0051),
    /** Factor of the whole loss, which grows with D. */
    scale: z.number().positive().default(1),
  })
  .readonly();
export type BarlowTwinsSpec = z.output<typeof barlowTwinsSpec>;

const NOTHING_APART = 'method.offDiagonal: 0: nothing keeps features apart; 0.0051 is usual';

/** Barlow Twins, Zbontar et al. 2021, arXiv:2103.03230, Algorithm 1. */
export const barlowTwins = defineMethod<BarlowTwinsSpec>({
  kind: 'barlow_twins',
  schema: barlowTwinsSpec,
  views: 2,

  check(_, { replicas, batch }) {
    if (replicas * batch < 2)
      throw new UserError('batch: found 1 image a step, expected 2: it correlates over images');
  },

  warnings: ({ offDiagonal }) => (offDiagonal > 0 ? [] : [NOTHING_APART]),

  model: (spec, backbone) => ({
    networks: { network: sequential([backbone.module, neck(spec.neck, backbone.channels)]) },
    backbone: 'network.0.',
  }),

  *loss(spec, step) {
    const za = step.forward('network', step.view(0)); // [N, D]
    const a = standardised(yield* gather(za)); // [R N, D]
    const zb = step.forward('network', step.view(1));
    const b = standardised(yield* gather(zb));
    const [count = 0] = a.shape;
    const c = tf.div(tf.matMul(a, b, true), tf.scalar(count)); // [D, D]
    const diagonal = tf.div(tf.sum(tf.mul(a, b), 0), tf.scalar(count)); // [D]
    const on = tf.sum(tf.square(tf.sub(diagonal, tf.scalar(1))));
    const off = tf.sub(tf.sum(tf.square(c)), tf.sum(tf.square(diagonal)));
    const whole = tf.add(on, tf.mul(off, tf.scalar(spec.offDiagonal)));
    return {
      loss: tf.mul(whole, tf.scalar(spec.scale)),
      metrics: {
        on_diagonal: on,
        off_diagonal: off,
        correlation: tf.mean(diagonal),
        ...monitors(l2Normalize(za), l2Normalize(zb)),
      },
    };
  },
});

/** Each feature minus its mean, over its deviation, both of the whole batch: batch norm, no affine. */
function standardised(z: Tensor): Tensor {
  const centred = tf.sub(z, tf.mean(z, 0));
  const variance = tf.mean(tf.square(centred), 0);
  return tf.div(centred, tf.sqrt(tf.add(variance, tf.scalar(1e-5))));
}
