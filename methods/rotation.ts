import { z } from 'zod';
import {
  classification,
  classifier,
  defineMethod,
  featureMonitors,
  scored,
  type Tensor,
  tf,
} from '../harness/experiment/kit.ts';

/** The rotations are those of the paper, nothing to choose there. */
const rotationSpec = z
  .strictObject({
    /**
     * Values of an image's whole map of features, which then go to the head one by one in place of their
     * average over pixels.
     */
    flat: z.int().positive().optional(),
  })
  .readonly();
export type RotationSpec = z.output<typeof rotationSpec>;

const ANGLES = 4; // 0, 90, 180 and 270 degrees

/**
 * Rotation Prediction, Gidaris, Singh and Komodakis 2018, arXiv:1803.07728: which of four rotations an
 * image was turned by (eq. 2 and 3). As in the paper, all four copies of an image are in the batch.
 */
export const rotation = defineMethod<RotationSpec>({
  kind: 'rotation',
  schema: rotationSpec,
  views: 1,

  model: ({ flat }, backbone) => ({
    networks: {
      backbone: backbone.module,
      head: classifier({
        inputs: flat ?? backbone.channels,
        classes: ANGLES,
        pool: flat === undefined ? true : 'flat',
      }),
    },
    backbone: 'backbone.',
  }),

  loss(_, step) {
    const images = rotated(step.view(0)); // [4 N, H, W, C]
    const features = step.forward('backbone', images); // [4 N, H', W', D]
    const logits = step.forward('head', features); // [4 N, 4]
    const count = (images.shape[0] ?? 0) / ANGLES;
    const turns = tf.tile(tf.tensor1d([0, 1, 2, 3], 'int32'), [count]); // [4 N]
    return { ...scored(classification(logits, turns)), metrics: featureMonitors(features) };
  },
});

/**
 * Each image turned by 0 to 3 quarters counter-clockwise: y[4 n + q]. Pixels are moved, none is
 * computed.
 * @param x [N, S, S, C]
 * @returns [4 N, S, S, C]
 */
export function rotated(x: Tensor): Tensor {
  const [count = 0, ...image] = x.shape;
  const across = (y: Tensor) => tf.transpose(y, [0, 2, 1, 3]);
  const quarters = [
    x,
    tf.reverse(across(x), 1), // y[i, j] = x[j, S - 1 - i]
    tf.reverse(x, [1, 2]),
    across(tf.reverse(x, 1)), // y[i, j] = x[S - 1 - j, i]
  ];
  return tf.reshape(tf.stack(quarters, 1), [ANGLES * count, ...image]);
}
