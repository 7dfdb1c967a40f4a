import { availableParallelism } from 'node:os';
import { relative, resolve } from 'node:path';
import { command } from './cli.mjs';
import { load } from './load.mjs';

const view = [
  { kind: 'randomResizedCrop', scale: [0.2, 1] },
  { kind: 'colorJitter', brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, p: 0.8 },
  { kind: 'grayscale' },
  { kind: 'blur' },
  { kind: 'flip' },
];

await command(
  import.meta.url,
  {
    summary: 'Time training steps of a method, or with --files the whole loop from JPEG files.',
    options: {
      method: { kind: 'text', value: 'NAME', help: 'which method', default: 'moco' },
      depth: { kind: 'int', help: 'of the ResNet', default: 50, min: 18 },
      size: { kind: 'int', help: 'side of an image, pixels', default: 224, min: 8 },
      batch: { kind: 'int', help: 'images a step', default: 8, min: 1 },
      queue: { kind: 'int', help: 'keys in the queue', default: 65536, min: 1 },
      precision: {
        ...{ kind: 'text', value: 'P', help: 'of layers', default: 'fp32' },
        choices: ['fp32', 'bf16'],
      },
      steps: { kind: 'int', help: 'timed steps', default: 6, min: 1 },
      warmup: { kind: 'int', help: 'steps before them', default: 2, min: 0 },
      threads: { kind: 'int', help: 'threads inside an op; 0: all cores', default: 0, min: 0 },
      inter: { kind: 'int', help: 'ops side by side; 0: TensorFlow chooses', default: 0, min: 0 },
      'small-stem': { kind: 'flag', help: '3x3 stem without pool, for images of 32 pixels' },
      files: { kind: 'text', value: 'LIST', help: 'JPEG paths, one a line: time the whole loop' },
      workers: { kind: 'int', help: 'of the loader; never changes a bit', min: 0 },
    },
    examples: ['--depth 18 --size 32 --batch 64 --precision bf16 --steps 20'],
  },
  async ({ options, print }) => {
    const { startEngine } = await load('harness/engine/index.ts');
    const { library } = await startEngine();
    const experiment = await experimentOf(options);
    const watch = stopwatch();
    const learner = await learnerOf(experiment, options, watch);
    try {
      const batches = options.files ? loaded(experiment, options) : generated(experiment);
      const timed = await time(learner, batches, options, watch);
      const { method, depth, size, batch, precision, steps } = options;
      print({
        ...{ framework: 'reprise', version: library.version, device: library.device },
        ...{ method, depth, size, batch, precision, steps },
        threads: options.threads || availableParallelism(),
        ...timed,
        peak_rss_mb: Math.floor(process.resourceUsage().maxRSS / 1024),
      });
    } finally {
      learner.dispose();
    }
  },
);

/** The network of `torch_reference.py`: an MLP neck as wide as the backbone's features. */
async function experimentOf(options) {
  const { parseExperiment } = await load('harness/run/spec.ts');
  const { methods } = await load('methods/index.ts');
  const { method, depth, size, batch, queue, precision } = options;
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
    ...{ batch, precision, epochs: 1 },
    optimizer: { kind: 'sgd', lr: 1e-3, momentum: 0.9, weightDecay: 1e-4 },
    schedule: { kind: 'constant' },
  };
  return parseExperiment(value, methods);
}

async function learnerOf(experiment, { threads, inter }, watch) {
  const { bindMethod, stepDefinition } = await load('harness/run/definition.ts');
  const { Learner } = await load('harness/run/learner.ts');
  const { methods } = await load('methods/index.ts');
  const definition = stepDefinition(experiment, bindMethod(experiment, methods));
  const learner = new Learner(definition, {
    intraThreads: threads,
    interThreads: inter,
    onRun: (moment) => watch[moment](),
  });
  await learner.initialise(0);
  return learner;
}

/** Adds up the time that TensorFlow runs. */
function stopwatch() {
  let started = 0;
  const watch = {
    milliseconds: 0,
    start: () => {
      started = performance.now();
    },
    end: () => {
      watch.milliseconds += performance.now() - started;
    },
  };
  return watch;
}

/** Median step, and how much of it TensorFlow ran; over a whole loop the mean, as data comes in bursts. */
async function time(learner, batches, { steps, warmup, batch, files }, watch) {
  const { runStep } = await load('harness/run/step.ts');
  const { median } = await load('reports/speed.ts');
  const laps = [];
  const iterator = batches[Symbol.asyncIterator]();
  for (let step = 0; step < warmup + steps; step++) {
    const before = performance.now();
    const inside = watch.milliseconds;
    const { value } = await iterator.next();
    const waited = performance.now() - before;
    await runStep(learner.program, value, 1e-3);
    if (step < warmup) continue;
    laps.push({ step: performance.now() - before, session: watch.milliseconds - inside, waited });
  }
  await iterator.return?.();
  const middle = files ? mean : median;
  const [whole, session, waited] = ['step', 'session', 'waited'].map((key) =>
    middle(laps.map((lap) => lap[key])),
  );
  return {
    step_ms: round(whole, 2),
    session_ms: round(session, 2),
    ...(files ? { data_ms: round(waited, 2) } : {}),
    images_per_second: round((1e3 * batch) / whole, 3),
  };
}

/** The same batch of noise at every step. */
async function* generated({ batch, data, seed }) {
  const { stream } = await load('harness/random/stream.ts');
  const from = stream(seed, 'perf');
  const noise = () =>
    Uint8Array.from({ length: batch * data.size ** 2 * 3 }, () => 256 * from.uniform());
  const views = data.pipelines.map(noise);
  const indices = Int32Array.from({ length: batch }, (_, i) => i);
  for (;;) yield { views, indices, draws: { shuffle: from.permutation(batch) } };
}

/** Epochs of the files without end. */
async function* loaded({ data, seed, replicas, batch, method }, { workers }) {
  const { Loader } = await load('harness/data/loader.ts');
  const { methods } = await load('methods/index.ts');
  const { train: spec, pipelines, size, dropLast, replacement } = data;
  const loader = await Loader.open({
    ...{ spec, data: '/', seed, pipelines, size, replicas, batch, dropLast, replacement },
    draws: methods[method.kind].bind(method).draws,
    ...(workers === undefined ? {} : { workers }),
  });
  try {
    for (let epoch = 0; ; epoch++) yield* loader.epoch(epoch);
  } finally {
    await loader.dispose();
  }
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function round(value, digits) {
  return Number(value.toFixed(digits));
}
