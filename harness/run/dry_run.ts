import { readFileSync, writeFileSync } from 'node:fs';
import { always, clock } from '../base/index.ts';
import { type Count, knownCount } from '../data/known_sizes.ts';
import type { Batch } from '../data/loader/batch.ts';
import { stepsOf } from '../data/loader/order.ts';
import type { SourceSpec } from '../data/spec.ts';
import { itemBytes, sizeOf } from '../engine/array.ts';
import { type Experiment, type Methods, warningsOf } from '../experiment/index.ts';
import { stream } from '../random/stream.ts';
import type { StepDefinition } from '../step/definition.ts';
import { Learner } from '../step/learner.ts';
import { countParameters, type ParameterCounts } from '../step/parameters.ts';
import { runStep } from '../step/step.ts';
import { checkedMethod, openTraining } from './open_training.ts';

export interface DryRunOptions {
  readonly experiment: Experiment;
  readonly methods: Methods;
  readonly data: string;
  readonly threads?: number;
  readonly tell?: (message: string) => void;
}

/** A step that was run: how long it took, and the most memory the process held. */
export interface Probe {
  readonly replicas: number;
  readonly batch: number;
  readonly seconds: number;
  /** Steps that the time is the median of. */
  readonly steps: number;
  /** Peak resident memory of the whole process. */
  readonly peakBytes: number;
}

/** What a run would be, found out without its data. */
export interface DryRun {
  /** `dryWarnings`. */
  readonly warnings: readonly string[];
  readonly parameters: ParameterCounts;
  readonly nodes: number;
  readonly traceSeconds: number;
  /** Weights, momentum, queues and statistics: computed from the declarations. */
  readonly stateBytes: number;
  readonly images: Count | undefined;
  readonly stepsPerEpoch: number | undefined;
  /** The step as the experiment has it; absent when it would not fit or take too long. */
  readonly full: Probe | undefined;
  /** A smaller step, one replica; what is said of the whole is scaled up from it by images. */
  readonly small: Probe | undefined;
  /** Seconds of a step and peak memory of the experiment: measured when `full` is there. */
  readonly stepSeconds: number;
  readonly peakBytes: number;
  readonly measured: boolean;
  /** Training alone, from `stepSeconds`. */
  readonly etaSeconds: number | undefined;
}

const SMALL_BATCH = 8;
const PROBE_SECONDS = 8; // of timed steps
const PROBE_STEPS = 5;
const LONGEST_STEP = 15; // seconds; a longer one is scaled up instead of run
const SHARE_OF_MEMORY = 0.7; // of what is available, for a step to be tried

/** Settings that are legal and yet defeat the method, as far as can be said without the data. */
export function dryWarnings(experiment: Experiment, methods: Methods, data: string): string[] {
  const { data: own, evaluation } = experiment;
  const sources = {
    train: own.train,
    'evaluation.train': evaluation?.train,
    'evaluation.test': evaluation?.test,
  };
  const known = Object.entries(sources).map(([use, spec]) => {
    const found = spec === undefined ? undefined : knownCount(spec, data);
    return [
      use,
      spec === undefined || found === undefined
        ? undefined
        : { ...found, classes: classesOf(spec) },
    ];
  });
  return warningsOf(experiment, checkedMethod(experiment, methods), Object.fromEntries(known));
}

function classesOf(spec: SourceSpec): number | undefined {
  if (spec.kind === 'repeat' || spec.kind === 'subset') return classesOf(spec.source);
  if (spec.kind === 'concat') {
    const [classes, ...others] = new Set(spec.sources.map(classesOf));
    return others.length === 0 ? classes : undefined;
  }
  if (spec.kind === 'generated')
    return spec.labels === 'several' ? undefined : Math.min(spec.classes, spec.count);
  if (spec.kind === 'cifar10') return 10;
  return spec.kind === 'cifar100' ? 100 : undefined;
}

/** Builds the real graph of an experiment, and runs steps of random images to measure it. */
export async function dryRun(options: DryRunOptions): Promise<DryRun> {
  const { experiment, methods, data, threads = 0, tell = () => {} } = options;
  const warnings = dryWarnings(experiment, methods, data);
  for (const warning of warnings) tell(`warning: ${warning}`);
  const length = lengthOf(experiment, data);
  // Banks have a row a sample, and a step needs as many as it has images.
  const needed = experiment.replicas * experiment.batch;
  const shape = { samples: length.images?.count ?? needed, classes: undefined };
  let began = 0;
  const training = await openTraining({
    experiment,
    methods,
    data,
    shape,
    threads,
    opened: (phase) => {
      if (phase === 'evaluator') tell('building the graph');
      if (phase === 'evaluator') began = clock.seconds();
    },
  });
  const { learner } = training;
  const traceSeconds = clock.seconds() - began;
  const body = async () => {
    const facts = {
      warnings,
      parameters: countParameters(experiment, methods),
      nodes: learner.program.graph.nodes.length,
      traceSeconds,
      stateBytes: stateBytes(learner),
      ...length,
    };
    const settings = { intraThreads: threads, interThreads: threads };
    const probes = await measure(learner, settings, experiment.seed, tell);
    return { ...facts, ...concluded(experiment, facts.stepsPerEpoch, probes) };
  };
  return always(body, () => training.dispose());
}

function lengthOf({ data: spec, replicas, batch, seed }: Experiment, data: string) {
  const images = knownCount(spec.train, data);
  if (images === undefined) return { images, stepsPerEpoch: undefined };
  const { dropLast, replacement } = spec;
  const order = { seed, replicas, batch, dropLast, replacement };
  return { images, stepsPerEpoch: stepsOf(order, images.count) };
}

interface Projected {
  readonly seconds: number;
  readonly peakBytes: number;
}

type Probes = Pick<DryRun, 'full' | 'small'> & { readonly projected: Projected | undefined };

async function measure(
  learner: Learner,
  settings: { readonly intraThreads: number; readonly interThreads: number },
  seed: number,
  tell: (message: string) => void,
): Promise<Probes> {
  const { definition } = learner;
  const { replicas, batch } = definition;
  let small: Probe | undefined;
  if (replicas * batch > SMALL_BATCH) {
    const probe = async (images: number): Promise<Probe> => {
      tell(`running steps of ${images} images`);
      const one = new Learner({ ...definition, replicas: 1, batch: images }, settings);
      const found = await timed(one, seed);
      one.dispose();
      return found;
    };
    const most = Math.min(batch, SMALL_BATCH);
    const smaller = await probe(Math.ceil(most / 2));
    small = await probe(most);
    const projected = scaled(smaller, small, replicas * batch);
    const fits = projected.peakBytes < SHARE_OF_MEMORY * process.availableMemory();
    if (!fits || projected.seconds > LONGEST_STEP) return { full: undefined, small, projected };
  }
  tell(`running steps of ${replicas * batch} images`);
  return { full: await timed(learner, seed), small, projected: undefined };
}

/** Runs steps after one that warms up. */
async function timed(learner: Learner, seed: number): Promise<Probe> {
  const { definition, program } = learner;
  await learner.initialise(seed);
  const batch = randomBatch(definition, seed);
  const numbers = { rate: 0, scalars: definition.method.scalars({ step: 0, steps: 1 }) };
  resetPeak();
  await runStep(program, batch, numbers);
  const times: number[] = [];
  const end = clock.seconds() + PROBE_SECONDS;
  while (times.length < PROBE_STEPS && (times.length === 0 || clock.seconds() < end)) {
    const before = clock.seconds();
    await runStep(program, batch, numbers);
    times.push(clock.seconds() - before);
  }
  const sorted = times.sort((a, b) => a - b);
  const seconds = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const { replicas, batch: images } = definition;
  return { replicas, batch: images, seconds, steps: times.length, peakBytes: peakBytes() };
}

/** Time grows with the images of a step; memory by as much an image as between two small steps. */
function scaled(smaller: Probe, small: Probe, images: number): Projected {
  const more = images - small.batch;
  const growth = (small.peakBytes - smaller.peakBytes) / Math.max(1, small.batch - smaller.batch);
  return {
    seconds: (small.seconds * images) / small.batch,
    peakBytes: small.peakBytes + Math.max(0, growth) * more,
  };
}

function concluded(
  { epochs }: Experiment,
  stepsPerEpoch: number | undefined,
  { full, small, projected }: Probes,
): Omit<
  DryRun,
  'warnings' | 'parameters' | 'nodes' | 'traceSeconds' | 'stateBytes' | 'images' | 'stepsPerEpoch'
> {
  const { seconds, peakBytes } = full ??
    projected ?? { seconds: Number.NaN, peakBytes: Number.NaN };
  return {
    full,
    small,
    stepSeconds: seconds,
    peakBytes,
    measured: full !== undefined,
    etaSeconds: stepsPerEpoch === undefined ? undefined : seconds * stepsPerEpoch * epochs,
  };
}

function stateBytes({ program }: Learner): number {
  return [...program.stateSpecs().values()].reduce(
    (total, { dtype, shape }) => total + sizeOf(shape) * itemBytes(dtype),
    0,
  );
}

function randomBatch(definition: StepDefinition, seed: number): Batch {
  const { method, replicas, batch, size, channels } = definition;
  const count = replicas * batch;
  const draws = stream(seed, 'dry run');
  const noise = Uint8Array.from({ length: 4096 }, () => draws.int(0, 255));
  const pixels = Uint8Array.from({ length: count * size * size * channels }, (_, i) => {
    return noise[(i * 31 + (i >> 12)) % noise.length] ?? 0;
  });
  return {
    ...fedOf(definition, pixels, count),
    indices: Int32Array.from({ length: count }, (_, i) => i),
    draws: Object.fromEntries(method.draws.map((name) => [name, draws.permutation(count)])),
    ...(method.labels ? { labels: new Int32Array(count) } : {}),
    ...(method.chance ? { chance: Int32Array.of(1, 2) } : {}),
  };
}

/** Views, or rows of features in their place. */
function fedOf(
  { method, model: { cached } }: StepDefinition,
  pixels: Uint8Array,
  count: number,
): Pick<Batch, 'views' | 'rows'> {
  if (cached === undefined) return { views: Array.from({ length: method.views }, () => pixels) };
  return { views: [], rows: new Float32Array(count * cached.width).fill(1) };
}

// Linux keeps the most memory a process ever held, and forgets it when asked to.
function resetPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    return; // not allowed here: then the peak counts from the start of the process
  }
}

function peakBytes(): number {
  const kilobytes = /^VmHWM:\s*(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return kilobytes === undefined ? process.resourceUsage().maxRSS * 1024 : Number(kilobytes) * 1024;
}
