import { z } from 'zod';
import { type HostArray, hostArray } from '../../harness/engine/array.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { toHWIO, transpose4 } from '../../harness/engine/layout.ts';
import { relu } from '../../harness/engine/ops/activation.ts';
import { conv2d } from '../../harness/engine/ops/convolution.ts';
import { batchNormTrain } from '../../harness/engine/ops/normalization.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import { type PreciseKind, PreciseStatistics } from '../../harness/nn/precise_statistics.ts';
import { evaluate } from '../../harness/testing/evaluate.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import type { ParityCase } from '../../harness/testing/parity/run.ts';
import { placesOf } from './detection_arrays.ts';

const Parameters = z.looseObject({
  iterations: z.int().positive(),
  net: z.string().regex(/^conv 3x3 \(\d+\), BN, ReLU, conv 3x3\/2 \(\d+\), BN$/),
});

const KINDS: Readonly<Record<string, PreciseKind>> = {
  state: 'pooled',
  mean_of_batches: 'meanOfBatches',
};

/** Statistics of the norms of a small net over some batches. */
export const detectionPreciseBnCase: ParityCase = {
  methods: ['precise batch-norm statistics'],
  run: async (fixture, comparisons) => {
    await startEngine();
    const { iterations } = fixture.field('hyper_parameters', Parameters);
    const batches = placesOf(fixture, 'in.batch').slice(0, iterations);
    const layers = ['1', '4'];
    const sums = Object.entries(KINDS).flatMap(([name, kind]) =>
      layers.map((layer) => {
        const [channels = 0] = fixture.input(`init.${layer}.running_mean`).shape;
        return { name, layer, statistics: new PreciseStatistics(channels, kind) };
      }),
    );
    for (const b of batches) {
      const seen = await statisticsOf(fixture, `in.batch${b}`);
      for (const { layer, statistics } of sums) {
        const [mean, spread] = [seen[`mean${layer}`], seen[`variance${layer}`]];
        const positions = Number(seen[`positions${layer}`]?.data[0]);
        statistics.add({
          mean: mean?.data as Float32Array,
          variance: spread?.data as Float32Array,
          positions,
        });
      }
    }
    for (const { name, layer, statistics } of sums) {
      const { mean, variance } = statistics.result();
      comparisons.add(`${name}.${layer}.running_mean`, hostArray('float32', [mean.length], mean));
      comparisons.add(
        `${name}.${layer}.running_var`,
        hostArray('float32', [mean.length], variance),
      );
      const before = fixture.input(`init.${layer}.num_batches_tracked`).data[0] ?? 0;
      const count = BigInt64Array.of(BigInt(before) + BigInt(batches.length));
      comparisons.add(`${name}.${layer}.num_batches_tracked`, hostArray('int64', [1], count));
    }
  },
};

/** Each norm normalises with the statistics of the batch at hand. */
function statisticsOf(fixture: Fixture, batch: string): Promise<Record<string, HostArray>> {
  const weights = ['0', '3'].map((layer) => [
    `filter${layer}`,
    toHWIO(fixture.input(`init.${layer}.weight`)),
  ]);
  const norms = ['1', '4'].flatMap((layer) =>
    ['weight', 'bias', 'running_mean', 'running_var'].map((name) => [
      `${name}${layer}`,
      fixture.input(`init.${layer}.${name}`),
    ]),
  );
  const images = transpose4(fixture.input(batch), [0, 2, 3, 1]);
  const inputs: Record<string, HostArray> = {
    images,
    ...Object.fromEntries([...weights, ...norms]),
  };
  return evaluate(inputs, (tensors) => {
    const input = (name: string) => tensors[name] as Tensor;
    const first = normalised(input, '1', conv2d(input('images'), input('filter0'), { padding: 1 }));
    const second = conv2d(relu(first.value), input('filter3'), { stride: 2, padding: 1 });
    const last = normalised(input, '4', second);
    return { ...first.seen, ...last.seen };
  });
}

function normalised(input: (name: string) => Tensor, layer: string, x: Tensor) {
  const before = { mean: input(`running_mean${layer}`), variance: input(`running_var${layer}`) };
  const options = { epsilon: 1e-5, momentum: 1 }; // what is kept are the statistics of this batch alone
  const [scale, offset] = [input(`weight${layer}`), input(`bias${layer}`)];
  const { value, state } = batchNormTrain(x, scale, offset, before, options);
  const [images = 0, rows = 0, columns = 0] = x.shape;
  const seen = {
    [`mean${layer}`]: state.mean,
    [`variance${layer}`]: state.variance,
    [`positions${layer}`]: tf.scalar(images * rows * columns),
  };
  return { value, seen };
}
