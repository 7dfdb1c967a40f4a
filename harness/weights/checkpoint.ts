import { rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import {
  canonicalJson,
  errorCode,
  kindOfPath,
  noticeOnce,
  parse,
  parseJson,
  readFolder,
  Sha256,
  sha256,
  sha256Slowly,
  sweepTemporaries,
  UserError,
  writeAtomic,
} from '../base/index.ts';
import type { HostArray } from '../engine/array.ts';
import {
  encodeSafetensors,
  readSafetensors,
  readSafetensorsHeader,
  tensorPieces,
} from './safetensors.ts';

/** Where a run stands. `step` and `epochStep` count micro-steps, as the data loader does. */
export const CheckpointMeta = z.strictObject({
  /** The whole experiment, so that a checkpoint explains itself. */
  experiment: z.record(z.string(), z.unknown()),
  experimentId: Sha256,
  /** Epochs finished. */
  epoch: z.int().nonnegative(),
  /** Steps finished since the start. */
  step: z.int().nonnegative(),
  /** Steps finished of the epoch under way; 0 between epochs. */
  epochStep: z.int().nonnegative(),
  /** What else the trainer wants back: data position, sums of the epoch, epochs of the record. */
  extra: z.record(z.string(), z.unknown()),
});
export type CheckpointMeta = z.infer<typeof CheckpointMeta>;

/** Everything that a run goes on from: weights, momentum, queues, statistics, by name. */
export interface Checkpoint {
  readonly tensors: ReadonlyMap<string, HostArray>;
  readonly meta: CheckpointMeta;
}

export interface LoadedCheckpoint extends Checkpoint {
  readonly file: string;
  /** SHA-256 over the tensors, as in the record of the run. */
  readonly stateHash: Sha256;
}

export interface Retention {
  /** Epoch checkpoints to keep, newest first; 0 keeps all. */
  readonly keepLast: number;
  /** Epochs that are multiples of this stay whatever their age; 0 for none. */
  readonly keepEvery: number;
}

const FORMAT = 'reprise-checkpoint-1';
const NAME = /^(epoch|step)_(\d+)\.safetensors$/;
const LATEST = 'latest.safetensors';

/** SHA-256 over all tensors of a state, in order of name: equal exactly when every bit is equal. */
export function stateHash(tensors: ReadonlyMap<string, HostArray>): Promise<Sha256> {
  return sha256Slowly(tensorPieces(tensors));
}

/**
 * Writes `epoch_N.safetensors`, or `step_N.safetensors` inside an epoch, in one piece or not at all,
 * then removes what `retention` no longer asks for. Arrays are written as they lie in memory; they
 * must not change until the promise settles.
 * @param check called before the folder is touched, once the state is hashed
 * @throws UserError when the disk is full; older checkpoints are untouched then.
 */
export async function saveCheckpoint(
  folder: string,
  { tensors, meta }: Checkpoint,
  retention: Retention = { keepLast: 0, keepEvery: 0 },
  check: () => void = () => {},
): Promise<{ readonly file: string; readonly stateHash: Sha256 }> {
  const json = canonicalJson(CheckpointMeta.parse(meta));
  const hash = await stateHash(tensors);
  const metadata = { format: FORMAT, meta: json, stateHash: hash, seal: seal(json, hash) };
  const name = meta.epochStep === 0 ? `epoch_${meta.epoch}` : `step_${meta.step}`;
  const file = join(folder, `${name}.safetensors`);
  check();
  await writeAtomic(file, encodeSafetensors({ tensors, metadata }));
  await pointTo(file);
  await prune(folder, basename(file), meta.step, retention);
  return { file, stateHash: hash };
}

/**
 * Reads a checkpoint and checks every byte of it.
 * @throws UserError naming the file when it is damaged, cut short or no checkpoint.
 */
export async function loadCheckpoint(file: string): Promise<LoadedCheckpoint> {
  const { meta, hash } = readMeta(file);
  const { tensors } = readSafetensors(file);
  const found = await stateHash(tensors);
  if (found !== hash) {
    throw new UserError(
      `${file} is damaged: its tensors have SHA-256 ${found}, expected ${hash}; ` +
        'resume from an older checkpoint, or with --resume_from auto',
    );
  }
  return { file, tensors, meta, stateHash: hash };
}

/** What a checkpoint says of itself, without reading its tensors. Throws as `loadCheckpoint`. */
export function readCheckpointMeta(file: string): CheckpointMeta {
  return readMeta(file).meta;
}

/**
 * The checkpoint of a folder that is furthest on, or undefined when there is none.
 * @param warn is told of each damaged file that was passed over.
 */
export async function latestCheckpoint(
  folder: string,
  warn: (message: string) => void,
): Promise<LoadedCheckpoint | undefined> {
  if (kindOfPath(folder) === undefined) return undefined;
  sweepTemporaries(folder);
  const known = listCheckpoints(folder).flatMap((file) => {
    try {
      return [{ file, step: readMeta(file).meta.step }];
    } catch (error) {
      warn(`passed over: ${messageOf(error)}`);
      return [];
    }
  });
  for (const { file } of known.sort((a, b) => b.step - a.step)) {
    try {
      return await loadCheckpoint(file);
    } catch (error) {
      warn(`passed over: ${messageOf(error)}`);
    }
  }
  return undefined;
}

/** The checkpoint files of a folder, in no particular order. */
export function listCheckpoints(folder: string): string[] {
  return readFolder(folder)
    .filter((name) => NAME.test(name))
    .sort()
    .map((name) => join(folder, name));
}

function readMeta(file: string): { readonly meta: CheckpointMeta; readonly hash: Sha256 } {
  const { metadata, canonical } = readSafetensorsHeader(file);
  if (metadata.format !== FORMAT) {
    throw new UserError(
      `${file} is no checkpoint of a run; to begin one with its weights, use --pretrained`,
    );
  }
  const { meta: json = '', stateHash: hash = '', seal: found } = metadata;
  if (!canonical || found !== seal(json, hash)) {
    throw new UserError(`${file} is damaged: its description does not fit its seal`);
  }
  return {
    meta: parse(CheckpointMeta, described(json, file), `${file}: its description`),
    hash: parse(Sha256, hash, `${file}: its stateHash`),
  };
}

function described(json: string, file: string): unknown {
  try {
    return parseJson(json);
  } catch (cause) {
    throw new UserError(`${file} is damaged: its description is no JSON`, { cause });
  }
}

function seal(json: string, hash: string): Sha256 {
  return sha256([FORMAT, '\n', json, '\n', hash]);
}

// A convenience for people, as the original's latest.pth; nothing here reads it. So where it cannot be
// made (exFAT, SMB and mounted drives have no symbolic links), a run goes on without.
async function pointTo(file: string): Promise<void> {
  const link = join(dirname(file), LATEST);
  const temporary = `${link}.${process.pid}`;
  try {
    await rm(temporary, { force: true });
    await symlink(basename(file), temporary);
    await rename(temporary, link);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    await rm(link, { force: true }).catch(() => undefined); // it would lead to an older checkpoint
    noticeOnce(
      'latest',
      `${link} cannot be made (${errorCode(cause) ?? messageOf(cause)}: its file system has no symbolic links?); ` +
        'the run goes on without it, and --resume_from auto does not need it',
    );
  }
}

async function prune(
  folder: string,
  saved: string,
  step: number,
  { keepLast, keepEvery }: Retention,
): Promise<void> {
  const files = readFolder(folder).flatMap((name) => {
    const [, kind, number] = NAME.exec(name) ?? [];
    return kind === undefined ? [] : [{ name, kind, number: Number(number) }];
  });
  const epochs = files
    .filter(({ kind }) => kind === 'epoch')
    .sort((a, b) => b.number - a.number)
    .slice(keepLast === 0 ? files.length : keepLast)
    .filter(({ number }) => keepEvery === 0 || number % keepEvery !== 0);
  // A checkpoint inside an epoch only bridges an interruption: the next one of any kind replaces it.
  const steps = files.filter(({ kind, number }) => kind === 'step' && number <= step);
  for (const { name } of [...epochs, ...steps]) {
    if (name !== saved) await rm(join(folder, name), { force: true });
  }
}

function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  return String(error);
}
