import { z } from 'zod';
import {
  classification,
  classifier,
  defineMethod,
  featureMonitors,
  type Initial,
  neck,
  neckSpec,
  scored,
  tf,
} from '../harness/experiment/kit.ts';

export const relativeLocSpec = z
  .strictObject({
    /** Of a pair: it takes the features of two patches. */
    neck: neckSpec.prefault({
      kind: 'layers',
      hidden: [],
      out: 4096,
      bias: true,
      norm: 'batch',
      normMomentum: 0.003,
      lastRelu: true,
      dropout: 0.5,
    }),
    /** Deviation of the weights of neck and head at the start. */
    initStd: z.number().nonnegative().default(0.005),
    /** Where the biases of the neck start; the head's start at 0. */
    initBias: z.number().default(0.1),
  })
  .readonly();
export type RelativeLocSpec = z.output<typeof relativeLocSpec>;

// Patches are numbered row after row; pair p is patch OUTER[p] with the one in the middle.
const OUTER = [0, 1, 2, 3, 5, 6, 7, 8] as const;
const CENTRE = 4;
const PAIRS = OUTER.length;

/**
 * Relative Location, Doersch, Gupta and Efros 2015, arXiv:1505.05192, section 3: where a patch lies,
 * seen from the patch in the middle of the image; eight places, a pair each.
 *
 * Departs: the original encodes the patch in the middle eight times, once a pair; here once, with the
 * outputs, statistics and gradients of eight times. No patch loses colours by itself
 * (docs/reference/methods.md, section 4).
 */
export const relativeLoc = defineMethod<RelativeLocSpec>({
  kind: 'relative_loc',
  schema: relativeLocSpec,
  views: PAIRS + 1,
  chance: true,

  warnings: (_, { pipelines }) =>
    pipelines.flatMap((view, i) => {
      const last = view.at(-1);
      if (last?.kind !== 'patches' || last.jitter > 0) return [];
      return [
        `data.pipelines[${i}][${view.length - 1}].jitter: 0: patches touch, so that lines from one into the next give its place away; use some pixels`,
      ];
    }),

  model({ neck: spec, initStd, initBias }, backbone) {
    const initial: Initial = { kind: 'normal', std: initStd };
    return {
      networks: {
        backbone: backbone.module,
        neck: neck(spec, 2 * backbone.channels, () => initial, initBias),
        head: classifier({ inputs: spec.out, classes: PAIRS, initial }),
      },
      backbone: 'backbone.',
    };
  },

  loss(_, step) {
    const centre = step.view(CENTRE); // [N, H, W, C]
    const [count = 0, ...image] = centre.shape;
    const outer = tf.stack(
      OUTER.map((patch) => step.view(patch)),
      1,
    );
    const around = step.forward('backbone', tf.reshape(outer, [PAIRS * count, ...image]));
    const middle = step.forwardCopies('backbone', centre, PAIRS); // both [8 N, H', W', D]
    const pairs = step.forward('neck', tf.concat([around, middle], 3));
    const logits = step.forward('head', pairs); // [8 N, 8]
    const places = tf.tile(tf.range(0, PAIRS, 1, 'int32'), [count]); // [8 N]
    return { ...scored(classification(logits, places)), metrics: featureMonitors(around) };
  },
});
