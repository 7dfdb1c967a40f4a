import { resolve } from 'node:path';
import { always, hearNotices, type Lock, sha256File, UserError } from '../base/index.ts';
import { type Experiment, experimentId, type Methods } from '../experiment/index.ts';
import { RunLog } from '../log/log.ts';
import type { Terminal } from '../log/progress.ts';
import { keepDigests } from '../record/digests.ts';
import { extraOf, History } from '../record/history.ts';
import { continued, environment, type Provenance } from '../record/provenance.ts';
import type { RunRecord } from '../record/record.ts';
import { StateFile } from '../record/states.ts';
import { NO_SUMS } from '../record/sums.ts';
import { checkPrefix, perturbed, readPretrained, setWeights } from '../step/initial_weights.ts';
import type { LoadedCheckpoint } from '../weights/checkpoint.ts';
import { readWeightsMetadata } from '../weights/weights_file.ts';
import type { Cluster } from './cluster.ts';
import { shareStart } from './follow.ts';
import { type ImageWatch, watchImages } from './image_watch.ts';
import {
  checkedMethod,
  type Openers,
  openers,
  openTraining,
  type Training,
} from './open_training.ts';
import { checkPretrainedClasses } from './pretrained_classes.ts';
import { repairsSince, repairText } from './repairs.ts';
import { Run } from './run.ts';
import { slowBf16 } from './slow_bf16.ts';
import { checkStart, needStart } from './start_weights.ts';
import { findStart, openWorkDir, recordIn } from './work_dir.ts';

export interface TrainOptions {
  readonly experiment: Experiment;
  /** By `kind`. */
  readonly methods: Methods;
  /** The folder that paths of data sources start from. */
  readonly data: string;
  readonly workDir: string;
  /** A checkpoint file, or `auto`: the one in `workDir` that is furthest on, if there is one. */
  readonly resumeFrom?: string | undefined;
  /** Weights to begin with, a safetensors file. */
  readonly pretrained?: string | undefined;
  /** What stands before the backbone's names in these; found by default (`chooseEncoder`). */
  readonly prefix?: string | undefined;
  /** Stops after this many epochs in all; the run can be resumed. */
  readonly stopAfterEpoch?: number | undefined;
  /** Processes or threads that prepare data. Never changes a result bit. */
  readonly workers?: number | undefined;
  /** Threads that compute; default: all cores. Never changes a result bit. */
  readonly threads?: number | undefined;
  /** Replicas of this process one after another, in the memory of one. Never changes a result bit. */
  readonly sequential?: boolean | undefined;
  /** Checks what every operation makes; slower. */
  readonly debugNans?: boolean | undefined;
  /** Stops after the step under way and saves. */
  readonly signal?: AbortSignal | undefined;
  readonly terminal?: Terminal | undefined;
  /** Moves every initial weight by one unit in the last place, to measure a golden's band. */
  readonly perturbation?: number | undefined;
  /** Where the run has several processes: this one is the first of them, and the others `follow`. */
  readonly cluster?: Cluster | undefined;
  /** Processes of the run that share the cores of this one. */
  readonly processesHere?: number | undefined;
  /** Writes the hash of every tensor after every step to `states.jsonl`, for `compare`; slower. */
  readonly states?: boolean | undefined;
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
export async function train(options: TrainOptions, open: Openers = openers): Promise<TrainResult> {
  const { experiment } = options;
  const workDir = resolve(options.workDir);
  checkOptions(options); // before a folder is made
  const said: Say[] = [];
  const unhear = hearNotices((message) => said.push(['warn', message]));
  let lock: Lock | undefined;
  return always(
    async () => {
      lock = await openWorkDir(workDir);
      const checkpoint = await findStart({
        folder: workDir,
        experiment,
        resumeFrom: options.resumeFrom,
        tell: {
          info: (message) => said.push(['info', message]),
          warn: (message) => said.push(['warn', message]),
        },
      });
      if (checkpoint === undefined) needStart(options);
      const before = checkpoint === undefined ? undefined : finishedBefore(workDir, checkpoint);
      if (before !== undefined) return { record: before, workDir, finished: true };
      const opened = () => openTraining({ ...options, judged: true }, open);
      return await trained({ ...options, workDir }, lock, opened, checkpoint, said);
    },
    () => lock?.release(),
    unhear,
  );
}

/** @throws UserError for what can be seen to be wrong without an engine, data or a work directory */
export function checkOptions(options: TrainOptions): void {
  const { experiment, methods, prefix, pretrained } = options;
  checkedMethod(experiment, methods);
  if (prefix !== undefined && pretrained === undefined)
    throw new UserError(
      `--prefix ${prefix} says what to take of a file of weights; name it with --pretrained`,
    );
  if (pretrained !== undefined) readWeightsMetadata(pretrained);
  checkStart(options);
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
  lock: Lock,
  open: () => Promise<Training>,
  checkpoint: LoadedCheckpoint | undefined,
  said: Say[],
): Promise<TrainResult> {
  const training = await open();
  let log: RunLog | undefined;
  let unhear = () => {};
  let watch: ImageWatch | undefined;
  return always(
    async () => {
      const extra = checkpoint === undefined ? undefined : extraOf(checkpoint);
      const provenance = await provenanceHere(options, training, checkpoint, said);
      let pretrainedPrefix = extra?.pretrainedPrefix;
      if (checkpoint === undefined) pretrainedPrefix = await initialise(options, training, said);
      else await training.learner.restore(checkpoint.tensors);
      await startOthers(options, training, checkpoint);
      const step = checkpoint?.meta.step ?? 0;
      const opened = await openLog(options, lock, training, step, (extra?.epochs ?? []).length - 1);
      log = opened;
      unhear = hearNotices((message) => opened.warn(message));
      opened.info(startLine(options, training));
      for (const [level, message] of said) opened[level](message);
      for (const warning of training.warnings) opened.warn(warning);
      const slow = await slowBf16(options.experiment.precision);
      if (slow !== undefined) opened.warn(slow);
      const { sources } = training;
      watch = await watchImages({ sources, log, folder: options.workDir, signal: options.signal });
      await keepDigests(options.workDir, Object.values(sources));
      const started = { training, lock, log: opened, provenance, pretrainedPrefix, watch };
      try {
        return await runFrom(checkpoint, { ...options, ...started });
      } catch (cause) {
        lock.check(); // a folder that is gone is why a file in it could not be written
        throw cause;
      }
    },
    () => watch?.dispose(),
    () => log?.close(),
    () => training.dispose(),
    () => unhear(),
  );
}

/** Tells the other processes of the run, if there are any, where it begins. */
async function startOthers(
  options: TrainOptions,
  training: Training,
  checkpoint: LoadedCheckpoint | undefined,
): Promise<void> {
  const { cluster, pretrained, perturbation } = options;
  if (cluster === undefined) return;
  const { epoch = 0, epochStep = 0 } = checkpoint?.meta ?? {};
  const { sums = NO_SUMS } = checkpoint === undefined ? {} : extraOf(checkpoint);
  const fresh = checkpoint === undefined;
  const given = !fresh || pretrained !== undefined || perturbation !== undefined;
  const begun = sums.before !== undefined;
  const last = lastEpoch(options);
  await shareStart(training, cluster, { epoch, epochStep, begun, last, given, fresh });
}

function lastEpoch({ experiment: { epochs }, stopAfterEpoch = epochs }: TrainOptions): number {
  return Math.min(stopAfterEpoch, epochs);
}

interface Started extends TrainOptions {
  readonly training: Training;
  readonly lock: Lock;
  readonly log: RunLog;
  readonly provenance: Provenance;
  readonly pretrainedPrefix: string | undefined;
  readonly watch: ImageWatch;
}

/** Runs what is left of a run whose state is in place. */
async function runFrom(
  checkpoint: LoadedCheckpoint | undefined,
  { training, lock, log, provenance, pretrainedPrefix, watch, ...options }: Started,
): Promise<TrainResult> {
  const { experiment, workDir, perturbation } = options;
  const extra = checkpoint === undefined ? undefined : extraOf(checkpoint);
  const step = checkpoint?.meta.step ?? 0;
  const notes = {
    ...(perturbation === undefined ? {} : { perturbation: String(perturbation) }),
    ...(pretrainedPrefix === undefined ? {} : { pretrainedPrefix }),
  };
  const history = new History(workDir, experiment, provenance, extra?.epochs ?? [], notes);
  const states = options.states ? await StateFile.open(workDir, step) : undefined;
  const check = () => lock.check();
  const signal = AbortSignal.any([watch.signal, ...(options.signal ? [options.signal] : [])]);
  const run = new Run(
    {
      training,
      folder: workDir,
      log,
      history,
      provenance,
      perturbation,
      pretrainedPrefix,
      signal,
      states,
      check,
    },
    {
      epoch: checkpoint?.meta.epoch ?? 0,
      epochStep: checkpoint?.meta.epochStep ?? 0,
      sums: extra?.sums ?? NO_SUMS,
    },
  );
  if (checkpoint === undefined) await run.begin();
  else {
    log.info(`resumed from ${checkpoint.file}: epoch ${checkpoint.meta.epoch}, step ${step}`);
    await history.write();
  }
  const last = lastEpoch(options);
  const through = (await run.advance(last)) && (last < experiment.epochs || (await run.finish()));
  if (!through) watch.refuse();
  if (!through) log.info(`stopped; go on with --resume_from auto --work_dir ${workDir}`);
  const record = history.record();
  return { record, workDir, finished: record.finished };
}

function startLine({ experiment, workDir }: TrainOptions, { stepsPerEpoch }: Training): string {
  const { name, replicas, batch, precision, epochs } = experiment;
  return (
    `${name} (${experimentId(experiment).slice(0, 12)}): ${epochs} epochs of ${stepsPerEpoch} ` +
    `steps, ${replicas} x ${batch} images, ${precision}, work_dir ${workDir}`
  );
}

async function provenanceHere(
  { experiment, pretrained, prefix, perturbation, workDir }: TrainOptions,
  training: Training,
  checkpoint: LoadedCheckpoint | undefined,
  said: Say[],
): Promise<Provenance> {
  const extra = checkpoint === undefined ? undefined : extraOf(checkpoint);
  if (extra !== undefined && extra.perturbation !== perturbation)
    throw new UserError(
      `perturbation: found ${perturbation ?? 'none'}, but the checkpoint was made with ${extra.perturbation ?? 'none'}`,
    );
  if (extra !== undefined) checkPrefix(prefix, extra.pretrainedPrefix);
  const before = extra?.provenance.data.pretrained;
  const weights = pretrained === undefined ? before : sha256File(pretrained);
  const now = await training.provenance(weights);
  if (checkpoint === undefined || extra === undefined) return now;
  const warn = (message: string) => void said.push(['warn', message]);
  const repaired = repairsSince(training, checkpoint, workDir);
  if (repaired.length > 0) warn(repairText(repaired, checkpoint.meta.step));
  return continued({ experiment, before: extra.provenance, now, repaired }, warn);
}

/** @returns what stood before the backbone's names, where the weights are from a file. */
async function initialise(
  options: TrainOptions,
  training: Training,
  said: Say[],
): Promise<string | undefined> {
  const { experiment, methods, pretrained: file, perturbation } = options;
  const prefix = options.prefix ?? experiment.start?.prefix;
  const { learner } = training;
  const { model } = learner.definition;
  await learner.initialise(experiment.seed);
  const found =
    file === undefined ? undefined : await readPretrained({ file, prefix, methods }, model);
  if (found !== undefined) {
    const { source } = training.batches;
    const warning = checkPretrainedClasses(file ?? '', found.values, model, source);
    if (warning !== undefined) said.push(['warn', warning]);
    await setWeights(learner, found.values);
    for (const line of found.said) said.push(['info', line]);
  }
  if (perturbation !== undefined)
    await setWeights(learner, perturbed(await learner.save(), model, perturbation));
  return found?.prefix;
}

function openLog(
  { experiment, workDir, terminal }: TrainOptions,
  lock: Lock,
  { stepsPerEpoch }: Training,
  resumeStep: number,
  resumeEpochs: number,
): Promise<RunLog> {
  const { seed, epochs, log } = experiment;
  const words = Object.entries(environment()).map(([name, value]) => `${name} ${value}`);
  return RunLog.open({
    folder: workDir,
    seed,
    epochs,
    resumeStep,
    resumeEpochs,
    everySteps: log.everySteps,
    environment: words.join(', '),
    stepsPerEpoch,
    check: () => lock.check(),
    ...(terminal === undefined ? {} : { terminal }),
  });
}
