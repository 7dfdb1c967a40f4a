import { z } from 'zod';
import { UserError } from '../base/index.ts';
import { type Bench, defineBenchmark, type Judged } from '../benchmark/definition.ts';
import { type BenchmarkExperiment, parseBenchmark } from '../benchmark/experiment.ts';
import { benchmarksByKind } from '../benchmark/registry.ts';
import { defaultPipeline } from '../data/default_pipeline.ts';
import { sourceSpec } from '../data/spec.ts';
import { hostArray } from '../engine/array.ts';
import { largest, topShare } from '../evaluation/rows.ts';
import { LAYERS, type Layer } from '../features/layers.ts';

const toySpec = z
  .strictObject({
    train: sourceSpec,
    test: sourceSpec,
    size: z.int().positive().default(16),
    layers: z.array(z.enum(LAYERS)).readonly().default(['feat4', 'feat5']),
    least: z.int().nonnegative().default(1),
  })
  .readonly();
type ToySpec = z.output<typeof toySpec>;

/** What happens before a unit is judged, for tests that stop a run or look at it. */
export interface Watch {
  before(bench: Bench, unit: string): void | Promise<void>;
}

/** The smallest protocol: the nearest class mean on a layer, one unit a layer. */
export function toyBenchmark(watch: Watch = { before: () => {} }) {
  const toy = defineBenchmark<ToySpec>({
    kind: 'toy',
    title: 'nearest class mean',
    schema: toySpec,
    drawn: drawnToy,
    presets: { folder: { needs: ['train', 'val'], spec: {} } },
    sets: ({ train, test, size }) => {
      const pipeline = defaultPipeline(size);
      return { train: { source: train, pipeline, size }, test: { source: test, pipeline, size } };
    },
    features: ({ layers }) =>
      ['train', 'test'].map((set) => ({ set, layers, pooling: 'average' as const })),
    units: ({ layers }) => layers,
    check: ({ least }, { train }) => {
      if (train !== undefined && train.count < least)
        throw new UserError(`benchmark.least: found ${least}, but there are ${train.count} images`);
    },
    judge: async (_, bench, unit) => {
      await watch.before(bench, unit);
      return nearestMean(bench, unit as Layer);
    },
    summary: (_, units) => ({
      best: Math.max(...[...units.values()].map(({ top1 = 0 }) => top1)),
    }),
  });
  return benchmarksByKind([{ toy }]);
}

export const drawnToy = {
  train: { kind: 'generated', count: 40, size: 16, classes: 4 },
  test: { kind: 'generated', count: 24, size: 16, classes: 4, split: 'test' },
};

/** An experiment of it on random weights, of seconds. */
export function toyExperiment(changes: object = {}, spec: object = {}): BenchmarkExperiment {
  return parseBenchmark(
    {
      name: 'toy-drawn',
      benchmark: { kind: 'toy', ...drawnToy, ...spec },
      weights: { kind: 'random' },
      backbone: { depth: 18, width: 1 / 16, stem: 'cifar' },
      ...changes,
    },
    toyBenchmark(),
  );
}

async function nearestMean({ sets, features }: Bench, layer: Layer): Promise<Judged> {
  const [train, test] = [await rowsOf('train'), await rowsOf('test')];
  const { width } = train;
  const classes = sets.train?.classes.length ?? 0;
  const means = new Float64Array(classes * width);
  const counts = new Float64Array(classes);
  for (const [i, label] of train.labels.entries()) {
    counts[label] = (counts[label] ?? 0) + 1;
    for (let d = 0; d < width; d++)
      means[label * width + d] =
        (means[label * width + d] ?? 0) + (train.values[i * width + d] ?? 0);
  }
  for (let i = 0; i < means.length; i++)
    means[i] = (means[i] ?? 0) / (counts[Math.floor(i / width)] ?? 1);
  const scores = Float32Array.from({ length: test.labels.length * classes }, (_, place) => {
    const [row, label] = [Math.floor(place / classes), place % classes];
    let squares = 0;
    for (let d = 0; d < width; d++)
      squares += ((test.values[row * width + d] ?? 0) - (means[label * width + d] ?? 0)) ** 2;
    return -squares;
  });
  const predictions = test.labels.map((_, row) => largest(scores, row * classes, classes));
  return {
    metrics: { top1: topShare(scores, classes, test.labels, 1) },
    tensors: new Map([
      ['means', hostArray('float64', [classes, width], means)],
      ['predictions', hostArray('int32', [predictions.length], predictions)],
    ]),
    predictions: { set: 'test', scores },
  };

  async function rowsOf(use: string) {
    const { count, width: columns, rows } = await features(use, layer, 'average');
    const labels = sets[use]?.labels ?? new Int32Array(0);
    return { values: await rows(0, count), width: columns, labels };
  }
}
