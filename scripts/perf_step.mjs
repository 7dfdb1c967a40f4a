import { relative, resolve } from 'node:path';
import { load } from './load.mjs';
import { CLASSES, fillMemory, kindOf, scaleOf, specOf } from './perf_methods.mjs';

const view = [
  { kind: 'randomResizedCrop', scale: [0.2, 1] },
  { kind: 'colorJitter', brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, p: 0.8 },
  { kind: 'grayscale' },
  { kind: 'blur' },
  { kind: 'flip' },
];

/** Nine views of an image; with data in memory `size` is all that is taken of it. */
const patches = [{ kind: 'resize', size: 292 }, { kind: 'patches' }];

/** Options that say which step is timed. */
export const shapeOptions = {
  method: { kind: 'text', value: 'NAME', help: 'which method', default: 'moco' },
  depth: { kind: 'int', help: 'of the ResNet', default: 50, min: 18 },
  size: { kind: 'int', help: 'side of a view, pixels', default: 224, min: 8 },
  batch: { kind: 'int', help: 'images a step', default: 8, min: 1 },
  queue: { kind: 'int', help: 'keys in the queue', default: 65536, min: 1 },
  precision: {
    kind: 'text',
    value: 'P',
    help: 'of layers',
    default: 'fp32',
    choices: ['fp32', 'bf16'],
  },
  threads: { kind: 'int', help: 'threads inside an op; 0: all cores', default: 0, min: 0 },
  inter: { kind: 'int', help: 'ops side by side; 0: TensorFlow chooses', default: 0, min: 0 },
  lanes: { kind: 'int', help: 'parts of the work inside an op; decides bits', default: 2, min: 1 },
  'small-stem': { kind: 'flag', help: '3x3 stem without pool, for images of 32 pixels' },
};

/** The experiment whose step is timed: plain SGD for every method, as the reference has it. */
export async function experimentOf(options) {
  const { parseExperiment } = await load('harness/experiment/spec.ts');
  const { methods } = await load('methods/index.ts');
  const { depth, size, batch, precision, lanes } = options;
  const kind = await kindOf(options.method);
  const method = specOf(kind, options);
  const { views, channels } = methods[kind].bind(method);
  const file = options.files && relative('/', resolve(options.files));
  const value = {
    name: 'perf',
    method,
    backbone: { depth, channels, stem: options['small-stem'] ? 'cifar' : 'imagenet' },
    data: {
      train: file ? { kind: 'list', root: '.', file } : { kind: 'generated', count: batch, size },
      pipelines: kind === 'relative_loc' ? [patches] : Array(views).fill(view),
      size,
      dropLast: true,
    },
    batch,
    precision,
    lanes,
    epochs: 1,
    optimizer: { kind: 'sgd', lr: 1e-3, momentum: 0.9, weightDecay: 1e-4 },
    schedule: { kind: 'constant' },
  };
  return parseExperiment(value, methods);
}

export async function learnerOf(experiment, { threads, inter }, onRun) {
  const { bindMethod } = await load('harness/experiment/bind.ts');
  const { stepDefinition } = await load('harness/step/definition.ts');
  const { Learner } = await load('harness/step/learner.ts');
  const { methods } = await load('methods/index.ts');
  const { useLanes } = await load('harness/engine/lanes.ts');
  useLanes(experiment.lanes);
  const { samples } = scaleOf(experiment.data.size);
  const shape = { samples, classes: CLASSES };
  const definition = stepDefinition(experiment, bindMethod(experiment, methods), shape);
  const learner = new Learner(definition, {
    intraThreads: threads,
    interThreads: inter,
    ...(onRun ? { onRun } : {}),
  });
  await learner.initialise(0);
  await fillMemory(await hostOf(experiment, learner), {
    [experiment.method.kind]: experiment.method,
  });
  const { releaseHostCopies } = await load('harness/engine/native/release.ts');
  await releaseHostCopies(); // as `beginEpoch` does
  return learner;
}

/** What a method has between steps, without images. */
export async function hostOf(experiment, learner) {
  const { LearnerHost } = await load('harness/step/learner_host.ts');
  const source = { count: scaleOf(experiment.data.size).samples };
  return new LearnerHost({ experiment, learner, source, data: '' });
}

/** The same batch of noise at every step. */
export async function* generated({ batch, data, seed }, { views: count, draws, labels, chance }) {
  const { stream } = await load('harness/random/stream.ts');
  const from = stream(seed, 'perf');
  const noise = () =>
    Uint8Array.from({ length: batch * data.size ** 2 * 3 }, () => 256 * from.uniform());
  const views = Array.from({ length: count }, noise);
  const indices = Int32Array.from({ length: batch }, (_, i) => i);
  for (;;)
    yield {
      views,
      indices,
      draws: Object.fromEntries(draws.map((name) => [name, from.permutation(batch)])),
      ...(labels ? { labels: indices.map((i) => i % 10) } : {}),
      ...(chance ? { chance: Int32Array.of(from.int(0, 2 ** 30), 1) } : {}),
    };
}
