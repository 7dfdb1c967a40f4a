import { z } from 'zod';
import {
  contrastWithBank,
  defineMethod,
  follow,
  gather,
  hostArray,
  inverse,
  l2Normalize,
  monitors,
  neck,
  neckSpec,
  once,
  permute,
  replaceRows,
  rows,
  sequential,
  temperatureWarnings,
  tf,
  UserError,
  unitRows,
} from '../harness/experiment/kit.ts';

/** MoCo: v1 has a linear neck and temperature 0.07, v2 an MLP neck and temperature 0.2. */
export const mocoSpec = z
  .strictObject({
    neck: neckSpec.default({ kind: 'linear', out: 128 }),
    /** K, keys in the queue. */
    queue: z.int().positive().default(65536),
    /** m: share of the key encoder that stays, each step. */
    momentum: z.number().min(0).max(1).default(0.999),
    temperature: z.number().positive().default(0.07),
  })
  .readonly();
export type MocoSpec = z.output<typeof mocoSpec>;

/**
 * Momentum Contrast, He et al. 2020, arXiv:1911.05722, Algorithm 1; v2: Chen et al. 2020,
 * arXiv:2003.04297. As in the authors' code, the key encoder moves before it encodes.
 */
export const moco = defineMethod<MocoSpec>({
  kind: 'moco',
  schema: mocoSpec,
  views: 2,
  draws: ['shuffle'],

  check({ queue }, { replicas, batch, dropLast }) {
    const global = replicas * batch;
    if (queue % global !== 0)
      throw new UserError(
        `method.queue: ${queue} is not a multiple of the ${global} keys of a step (replicas ${replicas} x batch ${batch}); the nearest is ${Math.max(1, Math.round(queue / global)) * global}`,
      );
    if (!dropLast)
      throw new UserError(
        'data.dropLast: false; moco expects true, as a short last batch does not fill its place in the queue',
      );
  },

  warnings({ queue, momentum, temperature }, { images, replicas, batch }) {
    const warnings = temperatureWarnings('method.temperature', temperature);
    const global = replicas * batch;
    if (queue > images / 2)
      warnings.push(
        `method.queue: ${queue} keys of ${images} images: images find keys of their own among their negatives; use at most ${Math.max(1, Math.floor(images / 8 / global)) * global}`,
      );
    if (momentum === 1 || momentum < 0.5)
      warnings.push(
        `method.momentum: ${momentum}: the key encoder ${momentum === 1 ? 'never moves' : 'moves as fast as the query encoder, and keys of other steps do not fit it'}; 0.999 is usual`,
      );
    return warnings;
  },

  model: (spec, backbone) => ({
    networks: { encoder_q: sequential([backbone.module, neck(spec.neck, backbone.channels)]) },
    followers: { encoder_k: 'encoder_q' },
    backbone: 'encoder_q.0.',
    state: {
      queue: {
        dtype: 'float32',
        shape: [spec.queue, spec.neck.out],
        initial: (stream) => unitRows(stream, spec.queue, spec.neck.out),
        file: 'transposed',
      },
      queue_ptr: {
        dtype: 'int32',
        shape: [1],
        initial: () => hostArray('int32', [1], new Int32Array(1)),
        file: 'int64',
      },
    },
  }),

  *loss(spec, step) {
    const queue = step.state('queue'); // [K, D]
    const pointer = step.state('queue_ptr');
    const q = l2Normalize(step.forward('encoder_q', step.view(0))); // [N, D]

    const encoder_k = yield* once(() =>
      follow(step.parameters('encoder_k'), step.parameters('encoder_q'), spec.momentum),
    );
    const order = step.draw('shuffle'); // [R N]
    const shuffled = yield* permute(step.view(1), order); // [N, H, W, C]
    const encoded = l2Normalize(step.forward('encoder_k', shuffled, encoder_k));
    const keys = rows(yield* gather(encoded), inverse(order)); // [R N, D], as the images were

    const [count = 0] = keys.shape;
    return {
      ...contrastWithBank(q, step.mine(keys), queue, spec.temperature),
      followers: { encoder_k },
      state: {
        queue: replaceRows(pointer, keys),
        queue_ptr: tf.mod(
          tf.add(pointer, tf.scalar(count, 'int32')),
          tf.scalar(spec.queue, 'int32'),
        ),
      },
      metrics: monitors(q, step.mine(keys)),
    };
  },
});
