import { resolve } from 'node:path';
import { sha256File, UserError } from '../base/index.ts';
import { type Experiment, experimentId, type Methods } from '../experiment/index.ts';
import { RunLog } from '../log/log.ts';
import type { Terminal } from '../log/progress.ts';
import { type CheckpointExtra, extraOf, History } from '../record/history.ts';
import { continued, environment, type Provenance } from '../record/provenance.ts';
import type { RunRecord } from '../record/record.ts';
import { StateFile } from '../record/states.ts';
import { NO_SUMS } from '../record/sums.ts';
import { checkPrefix, perturbed, readPretrained, setWeights } from '../step/initial_weights.ts';
import type { Learner } from '../step/learner.ts';
import type { LoadedCheckpoint } from '../weights/checkpoint.ts';
import { readSafetensorsHeader } from '../weights/safetensors.ts';
import {
  checkedMethod,
  type Openers,
  openers,
  openTraining,
  type Training,
} from './open_training.ts';
import { Run } from './run.ts';
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
  /** Checks what every operation makes; slower. */
  readonly debugNans?: boolean | undefined;
  /** Stops after the step under way and saves. */
  readonly signal?: AbortSignal | undefined;
  readonly terminal?: Terminal | undefined;
  /** Moves every initial weight by one unit in the last place, to measure a golden's band. */
  readonly perturbation?: number | undefined;
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
  const { experiment, methods } = options;
  const workDir = resolve(options.workDir);
  checkedMethod(experiment, methods); // before a folder is made
  if (options.prefix !== undefined && options.pretrained === undefined)
    throw new UserError(
      `--prefix ${options.prefix} says what to take of a file of weights; name it with --pretrained`,
    );
  if (options.pretrained !== undefined) readSafetensorsHeader(options.pretrained);
  const lock = openWorkDir(workDir);
  try {
    const said: Say[] = [];
    const checkpoint = await findStart({
      folder: workDir,
      experiment,
      resumeFrom: options.resumeFrom,
      tell: {
        info: (message) => said.push(['info', message]),
        warn: (message) => said.push(['warn', message]),
      },
    });
    const before = checkpoint === undefined ? undefined : finishedBefore(workDir, checkpoint);
    if (before !== undefined) return { record: before, workDir, finished: true };
    const opened = () => openTraining({ ...options, judged: true }, open);
    return await trained({ ...options, workDir }, opened, checkpoint, said);
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
  open: () => Promise<Training>,
  checkpoint: LoadedCheckpoint | undefined,
  said: Say[],
): Promise<TrainResult> {
  const { experiment, workDir, stopAfterEpoch, signal, perturbation } = options;
  const training = await open();
  let log: RunLog | undefined;
  try {
    const extra = checkpoint === undefined ? undefined : extraOf(checkpoint);
    const provenance = provenanceHere(options, training, extra, said);
    let pretrainedPrefix = extra?.pretrainedPrefix;
    if (checkpoint === undefined)
      pretrainedPrefix = await initialise(options, training.learner, said);
    else await training.learner.restore(checkpoint.tensors);
    const entries = extra?.epochs ?? [];
    const step = checkpoint?.meta.step ?? 0;
    log = await openLog(options, training, step, entries.length - 1);
    log.info(startLine(options, training));
    for (const [level, message] of said) log[level](message);
    for (const note of training.batches.source.manifest.notes) log.info(`data.train: ${note}`);
    const notes = {
      ...(perturbation === undefined ? {} : { perturbation: String(perturbation) }),
      ...(pretrainedPrefix === undefined ? {} : { pretrainedPrefix }),
    };
    const history = new History(workDir, experiment, provenance, entries, notes);
    const states = options.states ? await StateFile.open(workDir, step) : undefined;
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
    const last = Math.min(stopAfterEpoch ?? experiment.epochs, experiment.epochs);
    const through = await run.advance(last);
    if (!through) log.info(`stopped; go on with --resume_from auto --work_dir ${workDir}`);
    else if (last === experiment.epochs) await run.finish();
    const record = history.record();
    return { record, workDir, finished: record.finished };
  } finally {
    log?.close();
    await training.dispose();
  }
}

function startLine({ experiment, workDir }: TrainOptions, { stepsPerEpoch }: Training): string {
  const { name, replicas, batch, precision, epochs } = experiment;
  return (
    `${name} (${experimentId(experiment).slice(0, 12)}): ${epochs} epochs of ${stepsPerEpoch} ` +
    `steps, ${replicas} x ${batch} images, ${precision}, work_dir ${workDir}`
  );
}

function provenanceHere(
  { pretrained, prefix, perturbation }: TrainOptions,
  training: Training,
  extra: CheckpointExtra | undefined,
  said: Say[],
): Provenance {
  if (extra !== undefined && extra.perturbation !== perturbation)
    throw new UserError(
      `perturbation: found ${perturbation ?? 'none'}, but the checkpoint was made with ${extra.perturbation ?? 'none'}`,
    );
  if (extra !== undefined) checkPrefix(prefix, extra.pretrainedPrefix);
  const before = extra?.provenance.data.pretrained;
  const weights = pretrained === undefined ? before : sha256File(pretrained);
  const now = training.provenance(weights);
  if (extra === undefined) return now;
  return continued(extra.provenance, now, (message) => said.push(['warn', message]));
}

/** @returns what stood before the backbone's names, where the weights are from a file. */
async function initialise(
  options: TrainOptions,
  learner: Learner,
  said: Say[],
): Promise<string | undefined> {
  const { experiment, methods, pretrained: file, prefix, perturbation } = options;
  const { model } = learner.definition;
  await learner.initialise(experiment.seed);
  const found =
    file === undefined ? undefined : await readPretrained({ file, prefix, methods }, model);
  if (found !== undefined) {
    await setWeights(learner, found.values);
    for (const line of found.said) said.push(['info', line]);
  }
  if (perturbation !== undefined)
    await setWeights(learner, perturbed(await learner.save(), model, perturbation));
  return found?.prefix;
}

function openLog(
  { experiment, workDir, terminal }: TrainOptions,
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
    ...(terminal === undefined ? {} : { terminal }),
  });
}
