import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalJson, inTemporaryFolder, UserError } from '../base/index.ts';
import { type Methods, parseExperiment } from '../experiment/index.ts';
import type { EpochEntry } from '../record/entries.ts';
import { type Computed, samePlatform } from '../record/numerics.ts';
import { computedHere } from '../record/provenance.ts';
import type { RunRecord } from '../record/record.ts';
import { readRecord } from '../record/record.ts';
import { hashesOf } from '../record/repair.ts';
import { loadRunCheckpoint } from '../record/run_checkpoint.ts';
import { Interrupted } from '../run/interrupt.ts';
import { train } from '../run/trainer.ts';
import { checkPrefix } from '../step/initial_weights.ts';
import type { LoadedCheckpoint } from '../weights/checkpoint.ts';
import { changesBetween } from './golden.ts';
import type { Change } from './golden_schema.ts';
import { type TensorDifference, tensorDifferences } from './tensor_difference.ts';

export interface VerifyOptions {
  readonly workDir: string;
  readonly methods: Methods;
  /** Data folder. */
  readonly data: string;
  /** From 1; by default the last one that can be run again. */
  readonly epoch?: number | undefined;
  /** What the run began with, where it did not begin from its seed. */
  readonly pretrained?: string | undefined;
  /** What stands before the backbone's names in it; by default what the record says. */
  readonly prefix?: string | undefined;
  readonly workers?: number | undefined;
  readonly threads?: number | undefined;
  /** Stops after the step under way. */
  readonly signal?: AbortSignal | undefined;
  readonly tell?: (message: string) => void;
}

export interface Verification {
  readonly experiment: string;
  readonly epoch: number;
  /** The checkpoint that the epoch was run from; absent when from the beginning. */
  readonly from?: string;
  readonly pass: boolean;
  /** Numbers of the epoch that came out differently: `before` is recorded, `after` found. */
  readonly changes: readonly Change[];
  /** Tensors that differ, in order of name; undefined where the epoch's checkpoint is gone. */
  readonly tensors: readonly TensorDifference[] | undefined;
  /** What this machine or code has otherwise than the record has it: `numerics`, `graph`, … */
  readonly apart: readonly Circumstance[];
  readonly recorded: RunRecord;
  readonly found: RunRecord;
  /** This machine: what was found may be of more than one. */
  readonly here: Computed;
}

/** What may explain other bits. */
export type Circumstance = 'data' | 'graph' | 'library' | 'numerics';

/**
 * Runs one epoch of a run again, from the checkpoint before it, in a temporary folder, and compares
 * metrics, state hash and, where the epoch's own checkpoint is still there, every tensor with what
 * the record says.
 * @throws UserError when the record does not fit itself, its checkpoint is not the recorded state,
 *   or what the epoch starts from is gone: then with the epochs that can be verified.
 * @throws Interrupted when it is told to stop
 */
export async function verifyEpoch(options: VerifyOptions): Promise<Verification> {
  const { workDir, methods, data, workers, threads, signal, tell = () => {} } = options;
  const record = readRecord(workDir);
  const experiment = parseExperiment(record.experiment, methods);
  const epoch = options.epoch ?? lastVerifiable(workDir, record);
  const recorded = entryAt(record, epoch, workDir);
  const from = await startOf(options, record, epoch);
  tell(`runs epoch ${epoch} of ${experiment.name} from ${from?.file ?? 'its beginning'}`);
  return inTemporaryFolder('verify-', async (folder) => {
    const { record: found } = await train({
      experiment,
      methods,
      data,
      signal,
      workDir: folder,
      stopAfterEpoch: epoch,
      // Once it is told to stop, its words of going on are about a folder that is removed.
      terminal: { write: (text) => signal?.aborted || tell(text.trimEnd()) },
      ...(from === undefined ? {} : { resumeFrom: from.file }),
      ...(from !== undefined || options.pretrained === undefined
        ? {}
        : { pretrained: options.pretrained, prefix: prefixOf(options, record) }),
      ...(workers === undefined ? {} : { workers }),
      ...(threads === undefined ? {} : { threads }),
    });
    if (signal?.aborted) throw new Interrupted('stopped; nothing was verified');
    const changes = changesOfEpochs(record, found, from === undefined ? 0 : epoch, epoch);
    const tensors = await tensorsApart(workDir, folder, recorded);
    return {
      experiment: experiment.name,
      epoch,
      changes,
      tensors,
      recorded: record,
      found,
      here: await computedHere(),
      pass: changes.length === 0 && (tensors ?? []).length === 0,
      apart: circumstancesApart(record, found),
      ...(from === undefined ? {} : { from: from.file }),
    };
  });
}

/** Undefined where the run's own checkpoint of the epoch is gone. */
async function tensorsApart(
  workDir: string,
  folder: string,
  recorded: EpochEntry,
): Promise<TensorDifference[] | undefined> {
  const own = checkpointFile(workDir, recorded.epoch);
  if (!existsSync(own)) return undefined;
  const again = await loadRunCheckpoint(checkpointFile(folder, recorded.epoch));
  return tensorDifferences(await stateIn(own, recorded), again);
}

// Records of before the prefix stood in them say nothing that --prefix could contradict.
function prefixOf({ prefix }: VerifyOptions, { environment }: RunRecord): string | undefined {
  const { pretrainedPrefix: began } = environment;
  if (began !== undefined) checkPrefix(prefix, began);
  return began ?? prefix;
}

/** Epochs of a run that can be run again: the first, and those after a checkpoint. */
function verifiableEpochs(workDir: string, { epochs }: RunRecord): number[] {
  return epochs
    .map(({ epoch }) => epoch)
    .filter(
      (epoch) => epoch === 1 || (epoch > 1 && existsSync(checkpointFile(workDir, epoch - 1))),
    );
}

function lastVerifiable(workDir: string, record: RunRecord): number {
  const last = verifiableEpochs(workDir, record).at(-1);
  if (last === undefined)
    throw new UserError(`${workDir}: the run has not finished an epoch yet; nothing to verify`);
  return last;
}

function entryAt({ epochs }: RunRecord, epoch: number, workDir: string): EpochEntry {
  const entry = epochs[epoch];
  if (epoch < 1 || entry === undefined)
    throw new UserError(
      `--epoch ${epoch}: the record of ${workDir} has epochs 1 to ${epochs.length - 1}`,
    );
  return entry;
}

async function startOf(
  { workDir, pretrained }: VerifyOptions,
  record: RunRecord,
  epoch: number,
): Promise<LoadedCheckpoint | undefined> {
  const file = checkpointFile(workDir, epoch - 1);
  const before = record.epochs[epoch - 1];
  if (before !== undefined && existsSync(file)) return stateIn(file, before);
  if (epoch > 1)
    throw new UserError(
      `${file} is gone, so epoch ${epoch} cannot be run again; epochs that can: ` +
        `${verifiableEpochs(workDir, record).join(', ')}. checkpoint.keepEvery keeps more`,
    );
  if (record.data.pretrained !== undefined && pretrained === undefined)
    throw new UserError(
      `the run began with weights of SHA-256 ${record.data.pretrained}; name them with --pretrained`,
    );
  return undefined;
}

/** A checkpoint whose state is the recorded one. */
async function stateIn(file: string, { epoch, stateHash }: EpochEntry): Promise<LoadedCheckpoint> {
  const checkpoint = await loadRunCheckpoint(file);
  if (checkpoint.stateHash !== stateHash)
    throw new UserError(
      `${file} is not of this record: its state is ${checkpoint.stateHash}, ` +
        `the record's epoch ${epoch} has ${stateHash}`,
    );
  return checkpoint;
}

function changesOfEpochs(recorded: RunRecord, found: RunRecord, first: number, last: number) {
  const cut = (record: RunRecord) => ({
    ...record,
    epochs: record.epochs.slice(0, last + 1),
    final: undefined,
  });
  const { final: _, ...a } = cut(recorded);
  const { final: __, ...b } = cut(found);
  return changesBetween(a, b).filter(({ epoch }) => epoch !== 'final' && epoch >= first);
}

/** What a run has otherwise than the one that is recorded. */
export function circumstancesApart(recorded: RunRecord, found: RunRecord): Circumstance[] {
  const data = (record: RunRecord) => canonicalJson(hashesOf(record.data));
  const sameData = data(recorded) === data(found);
  return [
    ...(sameData ? [] : ['data' as const]),
    ...(recorded.graph === found.graph ? [] : ['graph' as const]),
    ...(recorded.library === found.library ? [] : ['library' as const]),
    ...(samePlatform(recorded.experiment, recorded, found) ? [] : ['numerics' as const]),
  ];
}

function checkpointFile(folder: string, epoch: number): string {
  return join(folder, `epoch_${epoch}.safetensors`);
}
