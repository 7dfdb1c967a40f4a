import { z } from 'zod';
import {
  contrastPairs,
  defineMethod,
  gather,
  l2Normalize,
  meanOverReplicas,
  monitors,
  neck,
  neckSpec,
  scaledGradient,
  type Tensor,
  temperatureWarnings,
  tf,
  UserError,
} from '../harness/experiment/kit.ts';

export const simclrSpec = z
  .strictObject({
    /** The projection head g. */
    neck: neckSpec.prefault({ kind: 'layers', hidden: [2048], out: 128 }),
    /** tau. */
    temperature: z.number().positive().default(0.1),
  })
  .readonly();
export type SimclrSpec = z.output<typeof simclrSpec>;

/**
 * SimCLR, Chen, Kornblith, Norouzi & Hinton 2020, arXiv:2002.05709, Algorithm 1. Each replica has the
 * loss of its own rows among the rows of all; their mean is the loss of the whole batch, and so is
 * its gradient.
 *
 * Departs: rows are divided by max(|z|, 1e-12), in the original by |z| + 1e-10.
 */
export const simclr = defineMethod<SimclrSpec>({
  kind: 'simclr',
  schema: simclrSpec,
  /** The original's gather hands no gradient back to other processes: 1 / replicas of the true one. */
  compat: { simclrGradient: z.enum(['exact', 'per-replica']).default('exact') },
  views: 2,

  check(_, { replicas, batch }) {
    if (replicas * batch < 2)
      throw new UserError(
        'batch: found 1 image a step (replicas 1 x batch 1), simclr expects at least 2: the others are its negatives',
      );
  },

  warnings: ({ temperature }) => temperatureWarnings('method.temperature', temperature),

  model: (spec, { module, channels }) => ({
    networks: { backbone: module, neck: neck(spec.neck, channels) },
    backbone: 'backbone.',
  }),

  *loss(spec, step) {
    const pairs = interleaved(step.view(0), step.view(1)); // [2N, H, W, C]
    const h = step.forward('backbone', pairs);
    const z = l2Normalize(step.forward('neck', h)); // [2N, D]
    const all = yield* gather(z); // [2 R N, D]
    const [count = 0] = all.shape;
    const places = step.mine(tf.range(0, count, 1, 'int32')); // [2N]

    const contrast = contrastPairs(z, all, places, spec.temperature);
    const [first, second] = views(z);
    const share = step.compat.simclrGradient === 'per-replica' ? (z.shape[0] ?? 0) / count : 1;
    return {
      ...contrast,
      loss: scaledGradient(yield* meanOverReplicas(contrast.loss), share),
      metrics: monitors(first, second),
    };
  },
});

/** [2N, D] → [N, D] of first and of second views. */
function views(rows: Tensor): readonly [Tensor, Tensor] {
  const [count = 0, width = 0] = rows.shape;
  const pairs = tf.reshape(rows, [count / 2, 2 * width]);
  const half = (from: number) => tf.slice(pairs, [0, from], [count / 2, width]);
  return [half(0), half(width)];
}

/** [N, …] and [N, …] → [2N, …]: rows 2i and 2i + 1 are the two views of image i. */
function interleaved(a: Tensor, b: Tensor): Tensor {
  const [count = 0, ...rest] = a.shape;
  return tf.reshape(tf.stack([a, b], 1), [2 * count, ...rest]);
}
