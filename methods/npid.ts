import { z } from 'zod';
import {
  contrastWithDrawn,
  defineMethod,
  gather,
  l2Normalize,
  monitors,
  neck,
  neckSpec,
  remembered,
  replaceAt,
  type Step,
  type Tensor,
  temperatureWarnings,
  tf,
  UserError,
  uniformIntegers,
  unitRows,
} from '../harness/experiment/kit.ts';

export const npidSpec = z
  .strictObject({
    neck: neckSpec.default({ kind: 'linear', out: 128 }),
    /** K, rows of the bank that each image is held against. */
    negatives: z.int().positive().default(65536),
    /** Never draws an image's own row as its negative. */
    ensureNeg: z.boolean().default(false),
    temperature: z.number().positive().default(0.07),
    /** Share of the new feature in the bank. */
    memoryMomentum: z.number().min(0).max(1).default(0.5),
  })
  .readonly();
export type NpidSpec = z.output<typeof npidSpec>;

/**
 * Non-parametric instance discrimination, Wu et al. 2018, arXiv:1805.01978: every image is a class
 * of its own. The weight of a class is the image's feature from the last time that it was seen,
 * which is kept in a bank.
 * Departs, as the original does (docs/reference/methods.md, section 7): a softmax over the image's
 * own row and K drawn ones where the paper has NCE with a constant normaliser (eq. 7), and no
 * proximal term (eq. 9).
 */
export const npid = defineMethod<NpidSpec>({
  kind: 'npid',
  schema: npidSpec,
  views: 1,
  chance: true,

  checkData({ negatives, ensureNeg }, { samples }) {
    const others = samples - (ensureNeg ? 1 : 0);
    if (negatives > others)
      throw new UserError(
        `method.negatives: ${negatives}, but data.train has ${samples} images, so ${others} rows to ` +
          `draw from${ensureNeg ? ' besides an image’s own (method.ensureNeg)' : ''}; use at most ${others}`,
      );
  },

  warnings({ temperature, memoryMomentum }) {
    const warnings = temperatureWarnings('method.temperature', temperature);
    if (memoryMomentum === 0)
      warnings.push(
        'method.memoryMomentum: 0: the bank stays as it was drawn and has no feature in it; 0.5 is usual',
      );
    return warnings;
  },

  model: (spec, backbone, { samples }) => ({
    networks: { backbone: backbone.module, neck: neck(spec.neck, backbone.channels) },
    backbone: 'backbone.',
    state: {
      feature_bank: {
        dtype: 'float32',
        shape: [samples, spec.neck.out],
        initial: (stream) => unitRows(stream, samples, spec.neck.out),
      },
    },
  }),

  *loss(spec, step) {
    const bank = step.bank('feature_bank'); // [M, D]
    const feature = step.forward('neck', step.forward('backbone', step.view(0)));
    const f = l2Normalize(feature); // [N, D]

    const own = bank.rows(step.indices); // v_i, as the last epoch left it
    const drawn = negatives(spec, step, bank.count); // [N, K]
    const contrast = contrastWithDrawn(f, own, bank, drawn, spec.temperature);

    const at = yield* gather(step.indices); // [R N]
    const fresh = yield* gather(f);
    const rows = remembered(bank.rows(at), fresh, spec.memoryMomentum);
    return {
      ...contrast,
      state: { feature_bank: replaceAt(at, rows) },
      metrics: monitors(f, own),
    };
  },
});

/**
 * K rows for each image, uniformly and with replacement: int32 [N, K]. All weights being equal, every
 * slot of Walker's alias table keeps its own row, and the slot is the draw. With `ensureNeg` from the
 * other samples alone, by skipping the image's own row: the distribution of the reference, which draws
 * the offending ones anew until none is left.
 */
function negatives({ negatives: each, ensureNeg }: NpidSpec, step: Step, samples: number): Tensor {
  const [count = 0] = step.indices.shape;
  const own = tf.reshape(step.indices, [count, 1]);
  const drawn = step.chance('negatives', (key) => {
    if (!ensureNeg) return uniformIntegers(key, [count, each], samples);
    const other = uniformIntegers(key, [count, each], Math.max(1, samples - 1));
    return tf.add(other, tf.cast(tf.greaterEqual(other, own), 'int32'));
  });
  return tf.reshape(drawn, [count, each]);
}
