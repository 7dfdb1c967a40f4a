import { existsSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import {
  differences,
  type Lock,
  lockFolder,
  makeFolders,
  readFolder,
  sweepTemporaries,
  UserError,
  writeAtomic,
  writeError,
} from '../base/index.ts';
import { type Experiment, experimentId } from '../experiment/index.ts';
import { type RunRecord, readRecord } from '../record/record.ts';
import { latestRunCheckpoint, loadRunCheckpoint, readRunMeta } from '../record/run_checkpoint.ts';
import { type LoadedCheckpoint, listCheckpoints } from '../weights/checkpoint.ts';
import { reviseWorkDir, stepsIn } from './revise_work_dir.ts';

const STEPS = 'steps.csv';
const OWN =
  /^(record\.json|detections\.json|data_[0-9a-f]{16}\.digests|steps\.csv|epochs\.csv|states\.jsonl|tf_logs|latest\.safetensors|(?:train|benchmark)_.*\.log|.*\.log\.json)$/;
const SHOWN = 8; // fields that a message lists

/** Makes the folder where needed and takes it for this process. Throws as `lockFolder`. */
export async function openWorkDir(folder: string): Promise<Lock> {
  try {
    makeFolders(folder);
  } catch (cause) {
    throw writeError(folder, cause);
  }
  const lock = await lockFolder(folder);
  sweepTemporaries(folder);
  return lock;
}

export interface StartRequest {
  readonly folder: string;
  readonly experiment: Experiment;
  /** A checkpoint file, or `auto` for the one of the folder that is furthest on. */
  readonly resumeFrom?: string | undefined;
  readonly tell: { info(message: string): void; warn(message: string): void };
}

/**
 * Where a run begins: at a checkpoint, or at the beginning (undefined). A run that could be resumed
 * is never overwritten.
 * @throws UserError when the folder holds another run, or an unfinished one and nobody said to
 *   resume; when the checkpoint is damaged or of another experiment: then with the fields that
 *   differ.
 */
export async function findStart(request: StartRequest): Promise<LoadedCheckpoint | undefined> {
  const { folder, experiment, resumeFrom, tell } = request;
  const found = runIn(folder);
  if (found !== undefined && found.id !== experimentId(experiment))
    throw new UserError(
      `${folder} holds a run of another experiment, ${found.name}:` +
        `${fieldsApart(found.experiment, experiment)}\n` +
        'choose another --work_dir, or empty this one' +
        longer(found.experiment, experiment, furthest(folder)),
    );
  if (resumeFrom === undefined && found !== undefined && listCheckpoints(folder).length > 0)
    throw new UserError(occupied(folder, found));
  const checkpoint = resumeFrom === undefined ? undefined : await resumed(request, resumeFrom);
  if (checkpoint === undefined) {
    if (found !== undefined) {
      tell.info(`${folder} holds a run that never reached a checkpoint; it begins anew`);
      for (const name of readFolder(folder))
        if (OWN.test(name)) rmSync(join(folder, name), { recursive: true });
    }
    return undefined;
  }
  await bringSteps(checkpoint.file, folder);
  if (await reviseWorkDir(folder))
    tell.warn(
      'the run began in the former format: accuracies are in percent from here on, also in its steps.csv ' +
        'and log.json; earlier points of tf_logs and lines of train_*.log stay shares of 0 to 1',
    );
  return checkpoint;
}

/** The record of a work directory; undefined when it has none that can be read. */
export function recordIn(folder: string): RunRecord | undefined {
  try {
    return readRecord(folder);
  } catch {
    return undefined; // checkpoints hold all that is needed to write it again
  }
}

interface FoundRun {
  readonly name: string;
  readonly id: string;
  readonly experiment: unknown;
  readonly epochs: number;
  readonly finished: boolean;
}

function runIn(folder: string): FoundRun | undefined {
  const record = recordIn(folder);
  if (record !== undefined) {
    const { experiment, experimentId: id, epochs, finished } = record;
    const done = epochs.at(-1)?.epoch ?? 0;
    return { name: experiment.name, id, experiment, epochs: done, finished };
  }
  for (const file of listCheckpoints(folder)) {
    const meta = metaOf(file);
    if (meta === undefined) continue;
    const { experiment, experimentId: id, epoch } = meta;
    return { name: String(experiment.name), id, experiment, epochs: epoch, finished: false };
  }
  return undefined;
}

function metaOf(file: string) {
  try {
    return readRunMeta(file);
  } catch {
    return undefined;
  }
}

function occupied(folder: string, { epochs, finished }: FoundRun): string {
  return finished
    ? `${folder} holds a finished run of this experiment; choose another --work_dir, or empty this one`
    : `${folder} holds an unfinished run of this experiment, ${epochs} epochs done; ` +
        'go on with --resume_from auto, choose another --work_dir, or empty this one';
}

async function resumed(
  { folder, experiment, tell }: StartRequest,
  resumeFrom: string,
): Promise<LoadedCheckpoint | undefined> {
  const checkpoint =
    resumeFrom === 'auto'
      ? await latestRunCheckpoint(folder, tell.warn)
      : await loadRunCheckpoint(resolve(resumeFrom));
  if (checkpoint === undefined && listCheckpoints(folder).length > 0)
    throw new UserError(
      `${folder}: every checkpoint is damaged; bring one back from a copy, or empty the folder to begin anew`,
    );
  if (checkpoint !== undefined && checkpoint.meta.experimentId !== experimentId(experiment))
    throw new UserError(
      `${checkpoint.file} is of another experiment:` +
        `${fieldsApart(checkpoint.meta.experiment, experiment)}\n` +
        'resume with the same experiment and the same --set, or start a run in another --work_dir' +
        longer(checkpoint.meta.experiment, experiment, checkpoint.file),
    );
  return checkpoint;
}

/** The fields in which an experiment that is there differs from the one asked for, one a line. */
export function fieldsApart(theirs: unknown, ours: unknown): string {
  const apart = differences(theirs, ours);
  const lines = apart
    .slice(0, SHOWN)
    .map(({ path, left, right }) => `\n  ${path}: ${shown(left)} there, ${shown(right)} asked for`);
  const more = apart.length > SHOWN ? `\n  and ${apart.length - SHOWN} more fields` : '';
  return lines.join('') + more;
}

/** What works instead where a run was to be made longer, or shorter: its steps follow from its end. */
function longer(theirs: unknown, ours: Experiment, checkpoint: string | undefined): string {
  const [apart, ...others] = differences(theirs, ours);
  if (apart?.path !== 'epochs' || others.length > 0) return '';
  const file = checkpoint ?? 'FILE';
  return (
    `\na run keeps its epochs from its first step on, as its learning rate may follow from its end. To train its weights further, begin a new run: ` +
    `--pretrained ${file} --work_dir DIR. For a run whose end can be chosen later, begin with more epochs than ` +
    'needed and a schedule of fixed epochs (constant, step), and stop it with Ctrl-C when it is enough'
  );
}

/** The checkpoint of most epochs. */
function furthest(folder: string): string | undefined {
  const epoch = (file: string) => Number(/epoch_(\d+)\.safetensors$/.exec(file)?.[1] ?? -1);
  return listCheckpoints(folder).sort((a, b) => epoch(b) - epoch(a))[0];
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}

/** A run that goes on in another folder takes the steps before its checkpoint along. */
async function bringSteps(file: string, folder: string): Promise<void> {
  const to = join(folder, STEPS);
  if (dirname(file) === resolve(folder) || existsSync(to)) return;
  const steps = stepsIn(dirname(file));
  if (steps !== undefined) await writeAtomic(to, steps);
}
