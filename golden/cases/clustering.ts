import { z } from 'zod';
import { lossWeights, sizesOf } from '../../harness/clustering/labels.ts';
import { whitened } from '../../harness/clustering/pca.ts';
import { hostArray } from '../../harness/engine/array.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { toOIHW, transpose4 } from '../../harness/engine/layout.ts';
import { Program } from '../../harness/engine/program.ts';
import { initialValue } from '../../harness/nn/initialise.ts';
import { sobel } from '../../harness/nn/sobel.ts';
import { stream } from '../../harness/random/stream.ts';
import { layerContext } from '../../harness/testing/layer_context.ts';
import type { ParityCase } from '../../harness/testing/parity/run.ts';

const HyperParameters = z.looseObject({
  pca_dim: z.int(),
  num_classes: z.int().positive(),
  reweight_pow: z.number().nonnegative(),
});

/** What DeepCluster does to features before it clusters them, and the weights of its classes. */
const featuresCase: ParityCase = {
  methods: ['deepcluster features and reweighting'],
  run: async (fixture, comparisons) => {
    await startEngine();
    const parameters = fixture.field('hyper_parameters', HyperParameters);
    const features = fixture.input('in.features');
    const [count = 0, width = 0] = features.shape;
    const values = Float32Array.from(features.data, Number);
    const dimensions = parameters.pca_dim < 0 ? undefined : parameters.pca_dim;
    const columns = dimensions ?? width;
    const found = await whitened(values, width, { dimensions });
    const expected = fixture.expected.get('pca');
    const theirs = expected === undefined ? found : Float32Array.from(expected.data, Number);
    const signed = likeSigned(found, theirs, columns);
    comparisons.add('pca', hostArray('float32', [count, columns], signed));
    comparisons.add('pca_gram', hostArray('float64', [count, count], gram(found, columns)));
    const plain = await whitened(values, width, { dimensions: undefined });
    comparisons.add('no_pca', hostArray('float32', [count, width], plain));
    const labels = Int32Array.from(fixture.input('in.labels').data, Number);
    const sizes = sizesOf(labels, parameters.num_classes);
    for (const [name, epsilon] of [
      ['deepcluster', 1e-10],
      ['odc', 1e-5],
    ] as const) {
      const weights = lossWeights(sizes, parameters.reweight_pow, epsilon);
      comparisons.add(`loss_weight.${name}`, hostArray('float32', [sizes.length], weights));
    }
  },
};

/** The sign of a component is free: each column with the sign that the reference has. */
function likeSigned(own: Float32Array, theirs: Float32Array, columns: number): Float32Array {
  const products = new Float64Array(columns);
  for (const [i, x] of own.entries())
    products[i % columns] = (products[i % columns] ?? 0) + x * (theirs[i] ?? 0);
  return own.map((x, i) => ((products[i % columns] ?? 0) < 0 ? -x : x));
}

/** Products of all rows with all rows. */
function gram(rows: Float32Array, width: number): Float64Array {
  const count = rows.length / width;
  return Float64Array.from({ length: count * count }, (_, at) => {
    const [i, j] = [Math.floor(at / count) * width, (at % count) * width];
    let sum = 0;
    for (let d = 0; d < width; d++) sum += (rows[i + d] ?? 0) * (rows[j + d] ?? 0);
    return sum;
  });
}

/** The Sobel layer with its own parameters. */
const sobelCase: ParityCase = {
  methods: ['sobel layer'],
  run: async (fixture, comparisons) => {
    await startEngine();
    const image = fixture.input('in.img');
    const x = transpose4(image, [0, 2, 3, 1]);
    const parameters = [...sobel.parameters].map(
      ([name, spec]) => [name, spec, initialValue(spec, stream(0, name))] as const,
    );
    const program = new Program();
    try {
      for (const [name, { dtype, shape }] of parameters) program.state(name, { dtype, shape });
      program.entry('edges', {
        inputs: { x: { dtype: 'float32', shape: x.shape } },
        build: (io) => {
          const params = parameters.map(([name]) => [name, io.read(name)] as const);
          if (io.inputs.x === undefined) throw new Error('sobel: no image');
          return { out: sobel.apply(Object.fromEntries(params), io.inputs.x, layerContext()) };
        },
      });
      await program.writeStates(parameters.map(([name, , value]) => [name, value] as const));
      const { out } = await program.run('edges', { x: Float32Array.from(x.data, Number) });
      if (out !== undefined) comparisons.add('out', transpose4(out, [0, 3, 1, 2]));
      for (const [name, , value] of parameters)
        comparisons.add(`weights.${name}`, value.shape.length === 4 ? toOIHW(value) : value);
    } finally {
      program.dispose();
    }
  },
};

export const clusteringCases: readonly ParityCase[] = [featuresCase, sobelCase];
