import { z } from 'zod';
import {
  composed,
  defineMethod,
  follow,
  l2Normalize,
  monitors,
  neck,
  neckSpec,
  sequential,
  type Tensor,
  targetMomentum,
  tf,
  UserError,
} from '../harness/experiment/kit.ts';

const mlp = { kind: 'mlp', hidden: 4096, out: 256, norm: 'batch' } as const;
const share = z.number().min(0).max(1);

export const byolSpec = z
  .strictObject({
    /** The projector g, on the backbone. */
    neck: neckSpec.default(mlp),
    /** The predictor q, on the projection; online side only. */
    predictor: neckSpec.default(mlp),
    /** Standard deviation of the predictor's weights at the start. */
    predictorStd: z.number().positive().default(0.01),
    /** tau: share of the target that stays, at the first step and after the last. */
    momentum: share.default(0.996),
    endMomentum: share.default(1),
  })
  .readonly();
export type ByolSpec = z.output<typeof byolSpec>;

/**
 * Bootstrap Your Own Latent, Grill et al. 2020, arXiv:2006.07733, Algorithm 1. The target averages
 * parameters alone: it normalises with the statistics of its own batches, as the online network does.
 *
 * Departs: as in the original, without the constant 2 of each term, so the loss is from -4 to 4.
 */
export const byol = defineMethod<ByolSpec>({
  kind: 'byol',
  schema: byolSpec,
  views: 2,

  check({ neck: projector, predictor }) {
    if (predictor.out !== projector.out)
      throw new UserError(
        `method.predictor.out: ${predictor.out}, but it predicts projections of method.neck.out ${projector.out}; they must be equal`,
      );
  },

  warnings({ momentum, endMomentum }) {
    if (momentum === 1 && endMomentum === 1)
      return ['method.momentum: 1: the target stays as it was drawn; 0.996 is usual'];
    if (endMomentum < momentum)
      return [
        `method.endMomentum: ${endMomentum} is less than method.momentum ${momentum}: the target moves ever faster; 1 is usual`,
      ];
    if (momentum < 0.5)
      return [
        `method.momentum: ${momentum}: the target is nearly the online network, and both may collapse; 0.996 is usual`,
      ];
    return [];
  },

  /** Section 3.2: from tau towards 1 along half a cosine. */
  scalars({ momentum, endMomentum }, { step, steps }) {
    const keep = targetMomentum({ base: momentum, end: endMomentum, interval: 1 }, step, steps);
    return { keep, take: 1 - keep };
  },

  model: (spec, { module, channels }) => {
    const std = { kind: 'normal', std: spec.predictorStd } as const;
    return {
      networks: {
        online_net: sequential([module, neck(spec.neck, channels)]),
        head: composed({ predictor: neck(spec.predictor, spec.neck.out, () => std) }, (call, x) =>
          call('predictor', x),
        ),
      },
      followers: { target_net: 'online_net' },
      backbone: 'online_net.0.',
    };
  },

  loss(_, step) {
    const [v1, v2] = [step.view(0), step.view(1)];
    const [z1, z2] = [step.forward('online_net', v1), step.forward('online_net', v2)]; // [N, D]
    const t1 = l2Normalize(step.forward('target_net', v1));
    const t2 = l2Normalize(step.forward('target_net', v2));
    const p1 = l2Normalize(step.forward('head', z1));
    const p2 = l2Normalize(step.forward('head', z2));
    return {
      loss: tf.add(distance(p1, t2), distance(p2, t1)),
      afterUpdate: (parameters) => {
        const shares = { keep: step.scalar('keep'), take: step.scalar('take') };
        const [target, online] = [step.parameters('target_net'), parameters('online_net')];
        return { target_net: follow(target, online, shares) };
      },
      metrics: monitors(l2Normalize(z1), t2),
    };
  },
});

/** Equation 2 without its 2: -2 cos of a row with its own, mean over rows. */
function distance(prediction: Tensor, target: Tensor): Tensor {
  return tf.mul(tf.mean(tf.sum(tf.mul(prediction, target), 1)), tf.scalar(-2));
}
