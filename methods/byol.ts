import { z } from 'zod';
import {
  classification,
  composed,
  defineMethod,
  follow,
  l2Normalize,
  linear,
  monitors,
  neck,
  neckSpec,
  type Step,
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
    /** Adds up the losses of a batch's rows, as the original's `size_average: false`; else their mean. */
    reduction: z.literal('sum').optional(),
    /**
     * In place of predictor and distance, the original's LatentClsHead: one linear layer to so many
     * classes, trained by cross entropy towards the class that it finds for the target.
     */
    latentClasses: z.int().min(2).optional(),
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

  check({ neck: projector, predictor, latentClasses }) {
    if (latentClasses === undefined && predictor.out !== projector.out)
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
    const { latentClasses: classes, neck: projector } = spec;
    const predictor =
      classes === undefined
        ? neck(spec.predictor, projector.out, () => std)
        : linear({ inputs: projector.out, outputs: classes, initial: std });
    return {
      networks: {
        online_net: sequential([module, neck(projector, channels)]),
        head: composed({ predictor }, (call, x) => call('predictor', x)),
      },
      followers: { target_net: 'online_net' },
      backbone: 'online_net.0.',
    };
  },

  loss({ latentClasses, reduction }, step) {
    const [v1, v2] = [step.view(0), step.view(1)];
    const [z1, z2] = [step.forward('online_net', v1), step.forward('online_net', v2)]; // [N, D]
    const y1 = step.forward('target_net', v1);
    const t1 = l2Normalize(y1);
    const y2 = step.forward('target_net', v2);
    const t2 = l2Normalize(y2);
    return {
      loss:
        latentClasses === undefined
          ? predicted(step, [z1, z2], [t1, t2], reduction)
          : classified(step, [z1, z2], [y1, y2]),
      afterUpdate: (parameters) => {
        const shares = { keep: step.scalar('keep'), take: step.scalar('take') };
        const [target, online] = [step.parameters('target_net'), parameters('online_net')];
        return { target_net: follow(target, online, shares) };
      },
      metrics: monitors(l2Normalize(z1), t2),
    };
  },
});

type Views = readonly [Tensor, Tensor];

/** Each online projection predicts the target's of the other view. */
function predicted(step: Step, [z1, z2]: Views, [t1, t2]: Views, reduction?: 'sum'): Tensor {
  const p1 = l2Normalize(step.forward('head', z1));
  const p2 = l2Normalize(step.forward('head', z2));
  return tf.add(distance(p1, t2, reduction), distance(p2, t1, reduction));
}

/** The class of each is the one that the same layer finds for the target's of the other view. */
function classified(step: Step, [z1, z2]: Views, [y1, y2]: Views): Tensor {
  const towards = (z: Tensor, y: Tensor) => {
    const logits = step.forward('head', z); // [N, classes]
    return classification(logits, tf.argMax(step.forward('head', y), 1)).loss;
  };
  return tf.add(towards(z1, y2), towards(z2, y1));
}

/** Equation 2 without its 2: -2 cos of a row with its own, mean over rows or their sum. */
function distance(prediction: Tensor, target: Tensor, reduction?: 'sum'): Tensor {
  const cosines = tf.sum(tf.mul(prediction, target), 1);
  return tf.mul(reduction === 'sum' ? tf.sum(cosines) : tf.mean(cosines), tf.scalar(-2));
}
