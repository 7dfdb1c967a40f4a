import { relative, resolve } from 'node:path';
import { load } from './load.mjs';

const view = [
  { kind: 'randomResizedCrop', scale: [0.2, 1] },
  { kind: 'colorJitter', brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, p: 0.8 },
  { kind: 'grayscale' },
  { kind: 'blur' },
  { kind: 'flip' },
];

/** Options that say which step is timed. */
export const shapeOptions = {
  method: { kind: 'text', value: 'NAME', help: 'which method', default: 'moco' },
  depth: { kind: 'int', help: 'of the ResNet', default: 50, min: 18 },
  size: { kind: 'int', help: 'side of an image, pixels', default: 224, min: 8 },
  batch: { kind: 'int', help: 'images a step', default: 8, min: 1 },
  queue: { kind: 'int', help: 'keys in the queue', default: 65536, min: 1 },
  precision: {
    ...{ kind: 'text', value: 'P', help: 'of layers', default: 'fp32' },
    choices: ['fp32', 'bf16'],
  },
  threads: { kind: 'int', help: 'threads inside an op; 0: all cores', default: 0, min: 0 },
  inter: { kind: 'int', help: 'ops side by side; 0: TensorFlow chooses', default: 0, min: 0 },
  lanes: { kind: 'int', help: 'parts of the work inside an op; decides bits', default: 2, min: 1 },
  'small-stem': { kind: 'flag', help: '3x3 stem without pool, for images of 32 pixels' },
};

/** The network of `torch_reference.py`: an MLP neck as wide as the backbone's features. */
export async function experimentOf(options) {
  const { parseExperiment } = await load('harness/run/spec.ts');
  const { methods } = await load('methods/index.ts');
  const { method, depth, size, batch, queue, precision, lanes } = options;
  const file = options.files && relative('/', resolve(options.files));
  const hidden = depth < 50 ? 512 : 2048;
  const value = {
    name: 'perf',
    method: { kind: method, neck: { kind: 'mlp', hidden, out: 128 }, queue, temperature: 0.2 },
    backbone: { depth, stem: options['small-stem'] ? 'cifar' : 'imagenet' },
    data: {
      train: file ? { kind: 'list', root: '.', file } : { kind: 'generated', count: batch, size },
      pipelines: [view, view],
      size,
      dropLast: true,
    },
    ...{ batch, precision, lanes, epochs: 1 },
    optimizer: { kind: 'sgd', lr: 1e-3, momentum: 0.9, weightDecay: 1e-4 },
    schedule: { kind: 'constant' },
  };
  return parseExperiment(value, methods);
}

export async function learnerOf(experiment, { threads, inter }, onRun) {
  const { bindMethod, stepDefinition } = await load('harness/run/definition.ts');
  const { Learner } = await load('harness/run/learner.ts');
  const { methods } = await load('methods/index.ts');
  const { useLanes } = await load('harness/engine/lanes.ts');
  useLanes(experiment.lanes);
  const definition = stepDefinition(experiment, bindMethod(experiment, methods));
  const learner = new Learner(definition, {
    intraThreads: threads,
    interThreads: inter,
    ...(onRun ? { onRun } : {}),
  });
  await learner.initialise(0);
  return learner;
}

/** The same batch of noise at every step. */
export async function* generated({ batch, data, seed }, { draws, labels, chance }) {
  const { stream } = await load('harness/random/stream.ts');
  const from = stream(seed, 'perf');
  const noise = () =>
    Uint8Array.from({ length: batch * data.size ** 2 * 3 }, () => 256 * from.uniform());
  const views = data.pipelines.map(noise);
  const indices = Int32Array.from({ length: batch }, (_, i) => i);
  for (;;)
    yield {
      ...{ views, indices },
      draws: Object.fromEntries(draws.map((name) => [name, from.permutation(batch)])),
      ...(labels ? { labels: indices.map((i) => i % 10) } : {}),
      ...(chance ? { chance: Int32Array.of(from.int(0, 2 ** 30), 1) } : {}),
    };
}
