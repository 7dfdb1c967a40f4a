import { always, clock } from '../base/index.ts';
import { checkProcesses } from '../cluster/layout.ts';
import { type Count, knownCount } from '../data/known_sizes.ts';
import { stepsOf } from '../data/loader/order.ts';
import type { SourceSpec } from '../data/spec.ts';
import { itemBytes, sizeOf } from '../engine/array.ts';
import { type Experiment, type Methods, warningsOf } from '../experiment/index.ts';
import type { Learner } from '../step/learner.ts';
import { countParameters, type ParameterCounts } from '../step/parameters.ts';
import { ownShare, type Traffic, trafficOf, type Wanted } from './dry_layout.ts';
import { measure, type Probe, type Probes, type Projected } from './dry_probe.ts';
import { checkedMethod, openTraining } from './open_training.ts';
import { slowBf16 } from './slow_bf16.ts';

export interface DryRunOptions {
  readonly experiment: Experiment;
  readonly methods: Methods;
  readonly data: string;
  readonly threads?: number;
  readonly tell?: (message: string) => void;
  /** One process, replicas side by side, unless given. */
  readonly layout?: Partial<Wanted>;
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
  /** The step as a process of the layout has it; absent when it would not fit or take too long. */
  readonly full: Probe | undefined;
  /** A smaller step, one replica; what is said of the whole is scaled up from it by images. */
  readonly small: Probe | undefined;
  /** What follows from smaller steps; what `full` measured counts for more. */
  readonly projected: Projected | undefined;
  readonly layout: Wanted;
  /** Seconds that one process computes for a step, alone on a machine like this one: measured when `full` is there. */
  readonly computeSeconds: number;
  /** What one process sends. */
  readonly traffic: Traffic;
  /** Computing, then sending. */
  readonly stepSeconds: number;
  /** Of one process: measured when `full` is there. */
  readonly peakBytes: number;
  readonly measured: boolean;
  /** Training alone, from `stepSeconds`. */
  readonly etaSeconds: number | undefined;
}

/** Gbit/s between processes, unless said otherwise. */
const LINK = 10;

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
  const layout = { processes: 1, sequential: false, link: LINK, ...options.layout };
  checkProcesses(experiment.replicas, layout.processes);
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
    const slow = await slowBf16(experiment.precision);
    if (slow !== undefined) tell(`warning: ${slow}`);
    const facts = {
      warnings,
      parameters: countParameters(experiment, methods),
      nodes: learner.program.graph.nodes.length,
      traceSeconds,
      stateBytes: stateBytes(learner),
      ...length,
    };
    const { processes, sequential } = layout;
    const ordinary = processes === 1 && !sequential;
    const traffic = trafficOf(learner.definition, layout);
    const probes = await measure({
      definition: ordinary ? learner.definition : ownShare(learner.definition, layout),
      learner: ordinary ? learner : undefined,
      threads,
      seed: experiment.seed,
      sequential,
      tell,
    });
    const { stepsPerEpoch } = facts;
    return { ...facts, layout, ...concluded(experiment, stepsPerEpoch, probes, traffic) };
  };
  return always(body, () => training.dispose());
}

function lengthOf({ data: spec, replicas, batch, seed }: Experiment, data: string) {
  const images = knownCount(spec.train, data);
  const { dropLast, replacement, objects } = spec;
  if (objects !== undefined) return { images, stepsPerEpoch: objects.steps }; // whatever their number
  if (images === undefined) return { images, stepsPerEpoch: undefined };
  const order = { seed, replicas, batch, dropLast, replacement };
  return { images, stepsPerEpoch: stepsOf(order, images.count) };
}

function concluded(
  { epochs }: Experiment,
  stepsPerEpoch: number | undefined,
  { full, small, projected }: Probes,
  traffic: Traffic,
) {
  const { seconds, peakBytes } = full ??
    projected ?? { seconds: Number.NaN, peakBytes: Number.NaN };
  const stepSeconds = seconds + traffic.seconds;
  return {
    full,
    small,
    projected,
    traffic,
    computeSeconds: seconds,
    stepSeconds,
    peakBytes,
    measured: full !== undefined,
    etaSeconds: stepsPerEpoch === undefined ? undefined : stepSeconds * stepsPerEpoch * epochs,
  };
}

function stateBytes({ program }: Learner): number {
  return [...program.stateSpecs().values()].reduce(
    (total, { dtype, shape }) => total + sizeOf(shape) * itemBytes(dtype),
    0,
  );
}
