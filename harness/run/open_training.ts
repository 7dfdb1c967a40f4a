import { always, UserError } from '../base/index.ts';
import { blockOf, type Layout } from '../cluster/layout.ts';
import { classNames } from '../data/label_counts.ts';
import type { Batches } from '../data/loader/batch.ts';
import { Loader } from '../data/loader/loader.ts';
import { isObjectSource } from '../data/objects/objects.ts';
import type { Source } from '../data/source.ts';
import { sourceWarnings } from '../data/source_warnings.ts';
import { useArithmetic } from '../engine/arithmetic.ts';
import { startEngine } from '../engine/index.ts';
import { checkPrecision } from '../engine/precision.ts';
import type { ProgramOptions } from '../engine/program.ts';
import { openEvaluator } from '../evaluation/evaluator.ts';
import type { EvaluationSetup, Evaluator, JudgeSetup } from '../evaluation/judge.ts';
import {
  type BoundMethod,
  bindMethod,
  checkData,
  checkExperiment,
  checkShape,
  type DataShape,
  dataShape,
  type Experiment,
  type Methods,
  NO_DATA,
  warningsOf,
} from '../experiment/index.ts';
import { hashingProgress } from '../log/hashing.ts';
import { type Provenance, provenanceOf } from '../record/provenance.ts';
import { codeGraphHash } from '../step/code_graph.ts';
import { stepDefinition } from '../step/definition.ts';
import { Learner } from '../step/learner.ts';
import { LearnerHost } from '../step/learner_host.ts';
import { planStep, type StepPlan } from '../step/plan.ts';
import { preciseNorms } from '../step/precise_norms.ts';
import { type BegunEpoch, beginEpoch, type EpochStart } from './begin_epoch.ts';
import type { Cluster } from './cluster.ts';
import { openObjectBatches, preciseBatches } from './open_object_batches.ts';
import { RowCache } from './row_cache.ts';

/** What batches are opened from. */
export interface BatchesSetup extends EvaluationSetup {
  /** Which replicas' views are made here. */
  readonly layout?: Layout | undefined;
}

/** How a training gets its batches and its judge; tests put others in. */
export interface Openers {
  openBatches(setup: BatchesSetup): Promise<Batches>;
  openEvaluator(setup: JudgeSetup): Promise<Evaluator | undefined>;
}

export const openers: Openers = {
  openBatches: async (setup) => {
    if (setup.experiment.data.objects !== undefined) return openObjectBatches(setup);
    const { experiment, method, data, workers, processesHere, signal, layout } = setup;
    const { seed, replicas, batch, data: spec, compat } = experiment;
    const { pipelines, size, dropLast, replacement } = spec;
    return Loader.open({
      spec: spec.train,
      data,
      seed,
      pipelines,
      size,
      replicas,
      ...(layout === undefined ? {} : { own: blockOf(layout) }),
      batch,
      dropLast,
      replacement,
      draws: method.draws,
      labels: method.labels,
      chance: method.chance,
      ...(compat.dataOrder === 'original' ? { orderSeed: 0 } : {}),
      ...(workers === undefined ? {} : { workers }),
      processesHere,
      onProgress: hashingProgress('data.train'),
      signal,
    });
  },
  openEvaluator,
};

/** A phase of opening, for whoever times it. */
export type Phase = 'engine and data' | 'evaluator' | 'step traced';

export interface TrainingSetup {
  readonly experiment: Experiment;
  readonly methods: Methods;
  /** The folder that paths of data sources start from. */
  readonly data: string;
  /** Stands for the data, of which nothing is opened then: for dry runs and timings. */
  readonly shape?: DataShape | undefined;
  /** Where what a judge found is kept. */
  readonly workDir?: string | undefined;
  /** Opens what judges the weights as well. */
  readonly judged?: boolean | undefined;
  /** Threads that prepare data. Never changes a result bit. */
  readonly workers?: number | undefined;
  /** Processes of the run that share the cores of this one. Never changes a result bit. */
  readonly processesHere?: number | undefined;
  /** Threads that compute; 0 or none for all cores. Never changes a result bit. */
  readonly threads?: number | undefined;
  /** Ops that run side by side; as many as `threads` unless given. */
  readonly interThreads?: number | undefined;
  /** A file of weights that the run begins with, for messages; nothing of it is read here. */
  readonly pretrained?: string | undefined;
  /** Replicas of this process one after another, in the memory of one. Never changes a result bit. */
  readonly sequential?: boolean | undefined;
  /** Checks what every operation makes; slower. */
  readonly debugNans?: boolean | undefined;
  /** Ends the opening and a judgement under way, which throw its reason then; a step is finished. */
  readonly signal?: AbortSignal | undefined;
  readonly onRun?: ProgramOptions['onRun'];
  /** Where the run has several processes: this one's place among them. Never changes a result bit. */
  readonly cluster?: Cluster | undefined;
  /** Told of each phase that is over. */
  readonly opened?: ((phase: Phase) => void) | undefined;
}

/**
 * The method of an experiment, bound, after everything that can be checked without data or engine.
 * @throws UserError by path in the experiment.
 */
export function checkedMethod(experiment: Experiment, methods: Methods): BoundMethod {
  const method = bindMethod(experiment, methods);
  checkExperiment(experiment);
  return method;
}

interface Opened {
  readonly setup: TrainingSetup;
  readonly method: BoundMethod;
  readonly learner: Learner;
  readonly batches: Batches | undefined;
  readonly evaluator: Evaluator | undefined;
}

/**
 * An experiment that is open to be trained: method, data, traced step, and what judges the weights. All
 * that trains or runs steps again opens it here, and gives everything back by `dispose`.
 * @example
 * const training = await openTraining({ experiment, methods, data: 'data' });
 * await training.learner.initialise(experiment.seed);
 * const begun = await training.begin({ epoch: 0, fromStep: 0, sums: NO_SUMS });
 */
export class Training {
  readonly experiment: Experiment;
  readonly method: BoundMethod;
  readonly learner: Learner;
  readonly evaluator: Evaluator | undefined;
  private readonly setup: TrainingSetup;
  private readonly opened: Batches | undefined;
  private readonly cache: RowCache | undefined;

  constructor({ setup, method, learner, batches, evaluator }: Opened) {
    this.setup = setup;
    this.experiment = setup.experiment;
    this.method = method;
    this.learner = learner;
    this.opened = batches;
    const { cached } = learner.definition.model;
    this.cache = cached === undefined ? undefined : new RowCache(cached.width);
    this.evaluator = evaluator;
  }

  /** @throws Error where a shape stands for the data. */
  get batches(): Batches {
    if (this.opened === undefined) throw new Error('training: its data were not opened');
    return this.opened;
  }

  get stepsPerEpoch(): number {
    return this.batches.stepsPerEpoch;
  }

  /** SHA-256 of the data by use: `train`, `evaluation.train`, `evaluation.test`. */
  get manifests(): Readonly<Record<string, string>> {
    return { train: this.batches.source.manifest.sha256, ...this.evaluator?.manifests };
  }

  /** The images by use, as in `manifests`. */
  get sources(): Readonly<Record<string, Source>> {
    return { train: this.batches.source, ...this.evaluator?.sources };
  }

  /** What a user is to be told of the data, and settings that are legal and yet defeat the method with them. */
  get warnings(): readonly string[] {
    const known = Object.entries(this.sources).map(
      ([use, { count, distinct, labels, manifest }]) => {
        const classes = labels === undefined ? undefined : new Set(labels).size;
        return [use, { count, distinct, classes, sha256: manifest.sha256 }] as const;
      },
    );
    return [
      ...sourceWarnings('data.train', this.batches.source),
      ...(this.evaluator?.warnings ?? []),
      ...warningsOf(this.experiment, this.method, Object.fromEntries(known)),
    ];
  }

  /** @param pretrained SHA-256 of the weights that it begins with, where they are not from the seed. */
  async provenance(pretrained?: string): Promise<Provenance> {
    const data = pretrained === undefined ? this.manifests : { ...this.manifests, pretrained };
    return provenanceOf(data, codeGraphHash(this.learner));
  }

  /** What the host decides for a micro-step. @param step micro-steps before it, over all epochs */
  plan(step: number): StepPlan {
    return planStep(this.experiment, this.method, { step, stepsPerEpoch: this.stepsPerEpoch });
  }

  /** The run as its method sees it between steps. */
  host(hearers: Pick<EpochStart, 'log' | 'signal'> = {}): LearnerHost {
    const { experiment, learner, setup } = this;
    const { data, workers, processesHere, threads, cluster } = setup;
    return new LearnerHost({
      group: cluster?.group,
      experiment,
      learner,
      images: this.images,
      data,
      workers,
      processesHere,
      threads,
      weights: weightsOf(setup),
      ...hearers,
    });
  }

  /**
   * Begins an epoch, or goes on in the middle of one.
   * @throws Stopped when the run is told to stop before the method has changed anything.
   */
  begin(start: EpochStart): Promise<BegunEpoch> {
    return beginEpoch(this.host(start), this.learner, this.batches, start, this.cache);
  }

  /** Whether norms get new statistics after an epoch, from 1: `preciseNorms`. */
  settlesAfter(epoch: number): boolean {
    return this.experiment.preciseNorms !== undefined && epoch === this.experiment.epochs;
  }

  /**
   * Ends an epoch's training, from 1, before it is judged. Done again it gives the same.
   * @param signal ends it before anything is changed, which throws its reason then
   */
  async settle(epoch: number, signal?: AbortSignal): Promise<void> {
    const { experiment, learner, method, setup } = this;
    const { source } = this.batches;
    if (experiment.preciseNorms === undefined || !this.settlesAfter(epoch)) return;
    if (!isObjectSource(source)) throw new Error('norms: no pictures with objects');
    const options = { experiment, method, layout: setup.cluster?.layout };
    await preciseNorms(learner, preciseBatches(options, source), experiment.preciseNorms, signal);
  }

  async dispose(): Promise<void> {
    await always(
      async () => this.evaluator?.dispose(),
      () => this.opened?.dispose(),
      () => this.learner.dispose(),
    );
  }

  private get images(): Pick<Source, 'count' | 'describe'> {
    const { shape } = this.setup;
    if (shape === undefined) return this.batches.source;
    return { count: shape.samples, describe: (index) => `image ${index}` };
  }
}

/**
 * Opens an experiment to be trained.
 * @throws UserError by path in the experiment for what cannot work, and for data that cannot be opened.
 */
export async function openTraining(
  setup: TrainingSetup,
  { openBatches, openEvaluator: openJudge }: Openers = openers,
): Promise<Training> {
  const { experiment, methods, data, workers, threads, signal, shape, opened = () => {} } = setup;
  const method = checkedMethod(experiment, methods);
  const group = setup.cluster?.group;
  const { processesHere } = setup;
  const evaluation = { experiment, method, data, workers, processesHere, threads, signal, group };
  useArithmetic(experiment);
  await checkDevice(experiment);
  const [batches] = await Promise.all([
    shape === undefined ? openBatches({ ...evaluation, layout: setup.cluster?.layout }) : undefined,
    startEngine(),
  ]);
  opened('engine and data');
  let evaluator: Evaluator | undefined;
  try {
    if (batches !== undefined) {
      checkData(experiment, batches.source.count);
      const { source } = batches;
      const other = source.marks === undefined ? undefined : 'its images may have several classes';
      const unlabelled = source.unlabelled ?? other;
      if (method.labels && unlabelled !== undefined)
        throw new UserError(`data.train: ${unlabelled}, but ${method.kind} learns from labels`);
      if (method.labels && source.labels !== undefined) classNames('data.train', source);
      checkShape(experiment, method, dataShape(source));
      if (setup.judged)
        evaluator = await openJudge({ ...evaluation, trained: source, folder: setup.workDir });
    }
    opened('evaluator');
    const known = batches === undefined ? (shape ?? NO_DATA) : dataShape(batches.source);
    const learner = openLearner(setup, method, known);
    opened('step traced');
    return new Training({ setup, method, learner, batches, evaluator });
  } catch (error) {
    return await always<never>(
      () => Promise.reject(error),
      () => evaluator?.dispose(),
      () => batches?.dispose(),
    );
  }
}

/** What a device must be able to do is asked before data are opened, which may take long. */
async function checkDevice({ name, precision }: Experiment): Promise<void> {
  if (precision !== 'fp16') return;
  await startEngine();
  checkPrecision(precision, `experiment ${name}: precision`);
}

/** The weights that a run begins with, for messages. */
function weightsOf({ experiment: { start }, pretrained }: TrainingSetup): string | undefined {
  if (pretrained !== undefined) return pretrained;
  return start === undefined
    ? undefined
    : `weights of SHA-256 ${start.sha256.slice(0, 12)}, under "${start.prefix}"`;
}

function openLearner(setup: TrainingSetup, method: BoundMethod, shape: DataShape): Learner {
  const { experiment, threads = 0, interThreads = threads, debugNans = false, onRun } = setup;
  const { cluster, sequential } = setup;
  return new Learner(stepDefinition(experiment, method, shape), {
    ...(cluster === undefined ? {} : { layout: cluster.layout, server: cluster.server }),
    intraThreads: threads,
    interThreads,
    debugNans,
    sequential,
    ...(onRun === undefined ? {} : { onRun }),
  });
}
