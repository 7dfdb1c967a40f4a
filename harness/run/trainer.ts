import { resolve } from 'node:path';
import { startEngine } from '../engine/index.ts';
import { useLanes } from '../engine/lanes.ts';
import { UserError } from '../errors.ts';
import type { LoadedCheckpoint } from './checkpoint.ts';
import { checkData, checkExperiment } from './checks.ts';
import { bindMethod, checkShape, dataShape, stepDefinition } from './definition.ts';
import { graphHash } from './graph_hash.ts';
import { sha256File } from './hash.ts';
import { type CheckpointExtra, extraOf, History } from './history.ts';
import { perturbed, readPretrained, setWeights } from './initial_weights.ts';
import { Learner } from './learner.ts';
import { RunLog } from './log.ts';
import type { BoundMethod, MethodDefinition } from './method.ts';
import { type Parts, parts } from './parts.ts';
import type { Terminal } from './progress.ts';
import { continued, environment, type Provenance, provenanceOf } from './provenance.ts';
import type { RunRecord } from './record.ts';
import { type Batches, type Evaluator, type Place, Run } from './run.ts';
import { type Experiment, experimentId } from './spec.ts';
import { StateFile } from './states.ts';
import { NO_SUMS } from './sums.ts';
import { findStart, openWorkDir, recordIn } from './work_dir.ts';

export interface TrainOptions {
  readonly experiment: Experiment;
  /** By `kind`. */
  readonly methods: Readonly<Record<string, MethodDefinition>>;
  /** The folder that paths of data sources start from. */
  readonly data: string;
  readonly workDir: string;
  /** A checkpoint file, or `auto`: the one in `workDir` that is furthest on, if there is one. */
  readonly resumeFrom?: string;
  /** Weights to begin with, a safetensors file. */
  readonly pretrained?: string;
  /** Stops after this many epochs in all; the run can be resumed. */
  readonly stopAfterEpoch?: number;
  /** Processes or threads that prepare data. Never changes a result bit. */
  readonly workers?: number;
  /** Threads that compute; default: all cores. Never changes a result bit. */
  readonly threads?: number;
  /** Checks what every operation makes; slower. */
  readonly debugNans?: boolean;
  /** Stops after the step under way and saves. */
  readonly signal?: AbortSignal;
  readonly terminal?: Terminal;
  /** Moves every initial weight by one unit in the last place, to measure a golden's band. */
  readonly perturbation?: number;
  /** Writes the hash of every tensor after every step to `states.jsonl`, for `compare`; slower. */
  readonly states?: boolean;
}

export interface TrainResult {
  readonly record: RunRecord;
  readonly workDir: string;
  readonly finished: boolean;
}

type Say = ['info' | 'warn', string];

/**
 * Trains an experiment in a work directory: checkpoints, `record.json`, logs. However often it is
 * interrupted and resumed, the result has the same bits.
 * @throws UserError for what the user can mend, before the first step wherever that is possible.
 */
export async function train(options: TrainOptions, openers: Parts = parts): Promise<TrainResult> {
  const { experiment, methods } = options;
  const workDir = resolve(options.workDir);
  const method = bindMethod(experiment, methods);
  checkExperiment(experiment);
  const lock = openWorkDir(workDir);
  try {
    const said: Say[] = [];
    const checkpoint = await findStart({
      ...{ folder: workDir, experiment, resumeFrom: options.resumeFrom },
      tell: {
        info: (message) => said.push(['info', message]),
        warn: (message) => said.push(['warn', message]),
      },
    });
    const before = checkpoint === undefined ? undefined : finishedBefore(workDir, checkpoint);
    if (before !== undefined) return { record: before, workDir, finished: true };
    const open = () => Resources.open(options, method, openers);
    return await trained({ ...options, workDir }, open, checkpoint, said);
  } finally {
    lock.release();
  }
}

/** The record of a run that has nothing left to do. */
function finishedBefore(folder: string, checkpoint: LoadedCheckpoint): RunRecord | undefined {
  const record = recordIn(folder);
  const last = record?.epochs.at(-1);
  const same = last?.chain === extraOf(checkpoint).epochs.at(-1)?.chain;
  return record?.finished && same ? record : undefined;
}

async function trained(
  options: TrainOptions,
  openResources: () => Promise<Resources>,
  checkpoint: LoadedCheckpoint | undefined,
  said: Say[],
): Promise<TrainResult> {
  const { experiment, workDir, stopAfterEpoch } = options;
  const open = await openResources();
  try {
    const { run, history } = await started(options, open, checkpoint, said);
    const last = Math.min(stopAfterEpoch ?? experiment.epochs, experiment.epochs);
    const through = await run.advance(last);
    if (!through) open.log?.info(`stopped; go on with --resume_from auto --work_dir ${workDir}`);
    else if (last === experiment.epochs) await run.finish();
    const record = history.record();
    return { record, workDir, finished: record.finished };
  } finally {
    await open.dispose();
  }
}

/** What a run holds and must give back. */
class Resources {
  readonly learner: Learner;
  readonly batches: Batches;
  readonly evaluator: Evaluator | undefined;
  /** SHA-256 of the data by use. */
  readonly data: Readonly<Record<string, string>>;
  log: RunLog | undefined;

  private constructor(learner: Learner, batches: Batches, evaluator: Evaluator | undefined) {
    this.learner = learner;
    this.batches = batches;
    this.evaluator = evaluator;
    this.data = { train: batches.source.manifest.sha256, ...evaluator?.manifests };
  }

  static async open(
    options: TrainOptions,
    method: BoundMethod,
    openers: Parts,
  ): Promise<Resources> {
    const { experiment, data, workers, threads } = options;
    const setup = { experiment, method, data, workers, threads };
    useLanes(experiment.lanes);
    const [batches] = await Promise.all([openers.openBatches(setup), startEngine()]);
    let evaluator: Evaluator | undefined;
    try {
      checkData(experiment, batches.source.count);
      const shape = dataShape(batches.source);
      checkShape(experiment, method, shape);
      evaluator = await openers.openEvaluator(setup);
      const { debugNans = false } = options;
      const settings = { intraThreads: threads ?? 0, interThreads: threads ?? 0, debugNans };
      const learner = new Learner(stepDefinition(experiment, method, shape), settings);
      return new Resources(learner, batches, evaluator);
    } catch (error) {
      await evaluator?.dispose();
      await batches.dispose();
      throw error;
    }
  }

  async dispose(): Promise<void> {
    this.log?.close();
    await this.evaluator?.dispose();
    await this.batches.dispose();
    this.learner.dispose();
  }
}

async function started(
  options: TrainOptions,
  open: Resources,
  checkpoint: LoadedCheckpoint | undefined,
  said: Say[],
) {
  const { experiment, workDir, signal, perturbation, data, workers, threads } = options;
  const extra = checkpoint === undefined ? undefined : extraOf(checkpoint);
  const provenance = provenanceHere(options, open, extra, said);
  if (checkpoint === undefined) await initialise(options, open.learner, said);
  else await open.learner.restore(checkpoint.tensors);
  const entries = extra?.epochs ?? [];
  const log = await openLog(options, open, checkpoint?.meta.step ?? 0, entries.length - 1);
  open.log = log;
  log.info(startLine(options, open));
  for (const [level, message] of said) log[level](message);
  for (const note of open.batches.source.manifest.notes) log.info(`data.train: ${note}`);
  const notes = perturbation === undefined ? {} : { perturbation: String(perturbation) };
  const history = new History(workDir, experiment, provenance, entries, notes);
  const { learner, batches, evaluator } = open;
  const states = options.states
    ? await StateFile.open(workDir, checkpoint?.meta.step ?? 0)
    : undefined;
  const place: Place = {
    epoch: checkpoint?.meta.epoch ?? 0,
    epochStep: checkpoint?.meta.epochStep ?? 0,
    sums: extra?.sums ?? NO_SUMS,
  };
  const run = new Run(
    {
      ...{ experiment, folder: workDir, learner, batches, evaluator, log, history, provenance },
      ...{ perturbation, signal, states },
      reach: { source: batches.source, data, workers, threads },
    },
    place,
  );
  if (checkpoint === undefined) await run.begin();
  else {
    log.info(`resumed from ${checkpoint.file}: epoch ${place.epoch}, step ${checkpoint.meta.step}`);
    await history.write();
  }
  return { run, history };
}

function startLine({ experiment, workDir }: TrainOptions, { batches }: Resources): string {
  const { name, replicas, batch, precision, epochs } = experiment;
  return (
    `${name} (${experimentId(experiment).slice(0, 12)}): ${epochs} epochs of ${batches.stepsPerEpoch} ` +
    `steps, ${replicas} x ${batch} images, ${precision}, work_dir ${workDir}`
  );
}

function provenanceHere(
  { pretrained, perturbation }: TrainOptions,
  { learner, data }: Resources,
  extra: CheckpointExtra | undefined,
  said: Say[],
): Provenance {
  if (extra !== undefined && extra.perturbation !== perturbation)
    throw new UserError(
      `perturbation: found ${perturbation ?? 'none'}, but the checkpoint was made with ${extra.perturbation ?? 'none'}`,
    );
  const before = extra?.provenance.data.pretrained;
  const weights = pretrained === undefined ? before : sha256File(pretrained);
  const all = weights === undefined ? data : { ...data, pretrained: weights };
  const now = provenanceOf(all, graphHash(learner.program.graph.serialize()));
  if (extra === undefined) return now;
  return continued(extra.provenance, now, (message) => said.push(['warn', message]));
}

async function initialise(options: TrainOptions, learner: Learner, said: Say[]): Promise<void> {
  const { experiment, pretrained, perturbation } = options;
  const { model } = learner.definition;
  await learner.initialise(experiment.seed);
  if (pretrained !== undefined) {
    const { values, unused } = await readPretrained(pretrained, model);
    await setWeights(learner, values);
    said.push(['info', `--pretrained ${pretrained}: ${values.size} tensors taken`]);
    if (unused.length > 0)
      said.push(['warn', `--pretrained ${pretrained}: no use for ${unused.join(', ')}`]);
  }
  if (perturbation !== undefined)
    await setWeights(learner, perturbed(await learner.save(), model, perturbation));
}

function openLog(
  { experiment, workDir, terminal }: TrainOptions,
  { batches }: Resources,
  resumeStep: number,
  resumeEpochs: number,
): Promise<RunLog> {
  const { seed, epochs, log } = experiment;
  const words = Object.entries(environment()).map(([name, value]) => `${name} ${value}`);
  return RunLog.open({
    ...{ folder: workDir, seed, epochs, resumeStep, resumeEpochs, everySteps: log.everySteps },
    environment: words.join(', '),
    stepsPerEpoch: batches.stepsPerEpoch,
    ...(terminal === undefined ? {} : { terminal }),
  });
}
