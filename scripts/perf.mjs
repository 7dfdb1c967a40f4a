import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { command } from './cli.mjs';
import { load } from './load.mjs';
import { scaleFor } from './perf_methods.mjs';
import { experimentOf, generated, hostOf, learnerOf, shapeOptions } from './perf_step.mjs';
import { turnsFrom } from './turns.mjs';

await command(
  import.meta.url,
  {
    summary: 'Time training steps of a method, or with --files the whole loop from JPEG files.',
    options: {
      ...shapeOptions,
      steps: { kind: 'int', help: 'timed steps', default: 6, min: 1 },
      warmup: { kind: 'int', help: 'steps before them', default: 2, min: 0 },
      files: { kind: 'text', value: 'LIST', help: 'JPEG paths, one a line: time the whole loop' },
      turns: { kind: 'flag', help: 'wait for the number of steps of each turn on standard input' },
      workers: { kind: 'int', help: 'of the loader; never changes a bit', min: 0 },
    },
    examples: [
      '--depth 18 --size 32 --batch 64 --precision bf16 --steps 20',
      '--method odc --depth 18 --size 32 --batch 64 --steps 20',
    ],
  },
  async ({ options, print }) => {
    const { startEngine } = await load('harness/engine/index.ts');
    const long = options.files && (await longList(options));
    const experiment = await experimentOf({ ...options, files: long?.file });
    const method = experiment.method.kind;
    if (options.files) await checkLoop(method);
    const { library } = await startEngine();
    const watch = stopwatch();
    const learner = await learnerOf(experiment, options, (moment) => watch[moment]());
    try {
      const batches = options.files
        ? loaded(experiment, options)
        : generated(experiment, learner.definition.method);
      const host = await hostOf(experiment, learner);
      const turns = options.turns
        ? turnsFrom(process.stdin, (laps) => print({ turn: inMean(laps) }))
        : undefined;
      const timed = await time({ learner, host, batches, watch, turns }, options);
      const { depth, size, batch, precision, steps } = options;
      print({
        framework: 'reprise',
        version: library.version,
        device: library.device,
        method,
        depth,
        size,
        batch,
        precision,
        steps,
        ...scaleFor(method, size),
        threads: options.threads || availableParallelism(),
        ...timed,
        peak_rss_mb: Math.floor(process.resourceUsage().maxRSS / 1024),
      });
    } finally {
      learner.dispose();
      await long?.remove();
    }
  },
);

/** A list with the files so often that one epoch has all steps, as PyTorch's side has. */
async function longList({ files, batch, steps, warmup }) {
  const paths = (await readFile(resolve(files), 'utf8')).trim().split('\n');
  const length = batch * (steps + warmup);
  const folder = await mkdtemp(join(tmpdir(), 'perf-'));
  const file = join(folder, 'files.txt');
  await writeFile(file, Array.from({ length }, (_, i) => paths[i % paths.length]).join('\n'));
  return { file, remove: () => rm(folder, { recursive: true }) };
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

/** The views of other methods are made of noise alone. */
async function checkLoop(method) {
  const { UserError } = await load('harness/base/errors.ts');
  if (method !== 'moco') throw new UserError(`--files: found --method ${method}, expected moco`);
}

/**
 * Median step with the work between steps, and how much of it TensorFlow ran; over a whole loop the
 * mean, as data comes in bursts, and so where a method works between steps, which it may do at every
 * tenth.
 */
async function time({ learner, host, batches, watch, turns }, { steps, warmup, batch, files }) {
  const { takeStep } = await load('harness/step/take_step.ts');
  const { median } = await load('reports/speed.ts');
  const { method } = learner.definition;
  const laps = [];
  const iterator = batches[Symbol.asyncIterator]();
  for (let step = 0; step < warmup + steps; step++) {
    await turns?.begin();
    const before = performance.now();
    const inside = watch.milliseconds;
    const { user, system } = process.cpuUsage();
    const { value } = await iterator.next();
    const waited = performance.now() - before;
    const scalars = method.scalars({ step, steps: warmup + steps });
    const place = { epoch: 0, epochStep: step };
    await takeStep(learner, host, value, { step, rate: 1e-3, moves: true, scalars }, place);
    if (step < warmup) continue;
    const lap = performance.now() - before;
    const now = process.cpuUsage();
    const cpu = (now.user - user + now.system - system) / 1e3;
    laps.push({ step: lap, session: watch.milliseconds - inside, waited, cpu });
    turns?.end(laps.at(-1));
  }
  turns?.close();
  await iterator.return?.();
  const middle = files || method.afterStep ? mean : median;
  const [whole, session, waited, cpu] = ['step', 'session', 'waited', 'cpu'].map((key) =>
    middle(laps.map((lap) => lap[key])),
  );
  return {
    step_ms: round(whole, 2),
    session_ms: round(session, 2),
    cpu_ms: round(cpu, 1),
    ...(files ? { data_ms: round(waited, 2) } : {}),
    images_per_second: round((1e3 * batch) / whole, 3),
  };
}

/** Epochs of the files without end. */
async function* loaded({ data, seed, replicas, batch, method }, { workers }) {
  const { Loader } = await load('harness/data/loader/loader.ts');
  const { methods } = await load('methods/index.ts');
  const { train: spec, pipelines, size, dropLast, replacement } = data;
  const loader = await Loader.open({
    spec,
    data: '/',
    seed,
    pipelines,
    size,
    replicas,
    batch,
    dropLast,
    replacement,
    ...extras(methods[method.kind].bind(method)),
    ...(workers === undefined ? {} : { workers }),
  });
  try {
    for (let epoch = 0; ; epoch++) yield* loader.epoch(epoch);
  } finally {
    await loader.dispose();
  }
}

/** What a method asks of a batch besides views. */
function extras({ draws, labels, chance }) {
  return { draws, labels, chance };
}

/** Of a turn, milliseconds. */
function inMean(laps) {
  const [step_ms, session_ms] = ['step', 'session'].map((key) => mean(laps.map((lap) => lap[key])));
  return { step_ms, session_ms };
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function round(value, digits) {
  return Number(value.toFixed(digits));
}
