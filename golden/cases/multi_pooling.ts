import { z } from 'zod';
import { UserError } from '../../harness/base/errors.ts';
import { type HostArray, hostArray } from '../../harness/engine/array.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { transpose4 } from '../../harness/engine/layout.ts';
import { adaptiveAvgPool, avgPool, type PoolOptions } from '../../harness/engine/ops/pooling.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import { evaluate } from '../../harness/testing/evaluate.ts';
import type { Comparisons } from '../../harness/testing/parity/agreement.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import type { ParityCase } from '../../harness/testing/parity/run.ts';

const HyperParameters = z.looseObject({
  pool_params: z.array(
    z.strictObject({
      kernel_size: z.int().positive(),
      stride: z.int().positive(),
      padding: z.int().nonnegative(),
    }),
  ),
  pool_sizes: z.array(z.int().positive()),
  /** Values of a level of a ResNet-50. */
  pool_dims: z.array(z.int().positive()),
});

// Channels and sides of the levels of a ResNet-50 on 224 x 224 pixels (notes of the case).
const CHANNELS = [64, 256, 512, 1024, 2048] as const;
const SIDES = [112, 56, 28, 14, 7] as const;

/** Pooling of five levels to about nine thousand values each. */
export const multiPoolingCase: ParityCase = {
  methods: ['multi-layer feature pooling'],
  run: async (fixture, comparisons) => {
    await startEngine();
    const { pool_params, pool_sizes } = fixture.field('hyper_parameters', HyperParameters);
    for (const [level, { kernel_size, stride, padding }] of pool_params.entries()) {
      const size = pool_sizes[level];
      if (size === undefined)
        throw new UserError(`hyper_parameters.pool_sizes: level ${level} is missing`);
      const windows: PoolOptions = { size: kernel_size, stride, padding };
      await poolLevel(fixture, comparisons, { level, size, windows });
    }
  },
};

interface Level {
  readonly level: number;
  readonly size: number;
  readonly windows: PoolOptions;
}

async function poolLevel(
  fixture: Fixture,
  comparisons: Comparisons,
  { level, size, windows }: Level,
) {
  const feature = `feat${level + 1}`;
  for (const kind of ['formula', 'random', 'odd']) {
    const input = kind === 'formula' ? byFormula(level) : fixture.input(`in.${kind}.${feature}`);
    const ways: Record<string, (x: Tensor) => Tensor> = {
      specified: (x) => avgPool(x, windows),
      adaptive: (x) => adaptiveAvgPool(x, size),
    };
    for (const [way, pool] of Object.entries(ways)) {
      const name = `${kind}.${way}.${feature}`;
      if (comparisons.expects(name)) comparisons.add(name, await pooled(input, pool));
    }
  }
}

/** [N, C, H, W] → the pooled values, flattened in the order C, H, W. */
async function pooled(input: HostArray, pool: (x: Tensor) => Tensor): Promise<HostArray> {
  const { y } = await evaluate({ x: transpose4(input, [0, 2, 3, 1]) }, ({ x }) => {
    if (!x) throw new Error('no input');
    const made = pool(x);
    return { y: tf.reshape(tf.transpose(made, [0, 3, 1, 2]), [made.shape[0] ?? 0, -1]) };
  });
  if (y === undefined) throw new Error('no output');
  return y;
}

/** ((37 c + 11 y + 5 x + 3 (c y mod 13) + 17 i) mod 128) / 64 - 1 (notes of the case). */
function byFormula(level: number): HostArray {
  const [channels = 0, side = 0] = [CHANNELS[level], SIDES[level]];
  const data = new Float32Array(channels * side * side);
  let at = 0;
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++)
        data[at++] = ((c * 37 + y * 11 + x * 5 + ((c * y) % 13) * 3 + level * 17) % 128) / 64 - 1;
  return hostArray('float32', [1, channels, side, side], data);
}
