import { basename } from 'node:path';
import { type Sha256, sha256, sha256File, UserError } from '../base/index.ts';
import { loadCheckpoint } from './checkpoint.ts';
import type { TensorFile } from './safetensors.ts';
import { readWeightsFile, readWeightsMetadata } from './weights_file.ts';
import { asFloat32 } from './widen.ts';

/** Digits of the hash that stand in a file's name. */
const STAMP_DIGITS = 8;
const STAMPED = /-([0-9a-f]{8})\.safetensors$/;
const EMPTY = sha256('').slice(0, STAMP_DIGITS);

export interface Weights extends TensorFile {
  readonly file: string;
  /** SHA-256 over the file's bytes: what `sha256sum` prints. */
  readonly sha256: Sha256;
  /** Whether the name has a hash, which the content then was compared with. */
  readonly stamped: boolean;
}

/** The first digits of a hash in a file's name, if there are any. */
export function stampIn(path: string): string | undefined {
  return STAMPED.exec(basename(path))?.[1];
}

/** A file's name with a hash in it: `moco`, … → `moco-1f3a56c0.safetensors`. */
export function stampedName(stem: string, hash: Sha256): string {
  return `${stem.replaceAll('/', '_')}-${hash.slice(0, STAMP_DIGITS)}.safetensors`;
}

/**
 * Reads a file of weights. Every reader of weights goes through here, so that a file whose name and
 * content disagree is refused everywhere. A file with no hash in its name has nothing to disagree
 * with, and is read.
 * @param wanted reads only the tensors whose name passes; all bytes are hashed.
 * @throws UserError when the content is not what the name says, or is no safetensors file.
 */
export function openPublished(path: string, wanted?: (name: string) => boolean): Weights {
  readWeightsMetadata(path); // a file that is none gets its own message
  const stamp = stampIn(path);
  const hash = sha256File(path);
  if (stamp !== undefined && !hash.startsWith(stamp)) {
    const empty = stamp === EMPTY ? ` (${EMPTY} is the hash of nothing)` : '';
    throw new UserError(
      `${path} is not what its name says: its content has SHA-256 ${hash.slice(0, STAMP_DIGITS)}…, ` +
        `its name ${stamp}${empty}; fetch or publish it again, do not rename it`,
    );
  }
  const { tensors, metadata } = readWeightsFile(path, wanted);
  return { file: path, tensors, metadata, sha256: hash, stamped: stamp !== undefined };
}

/** Weights as networks compute in them. */
export interface NetworkWeights extends Weights {
  /** What was made of other types than float32, for people. */
  readonly notes: readonly string[];
}

/**
 * Weights from whatever holds some: a published file, a bare backbone, another system's safetensors,
 * or a checkpoint, whose state is checked whole. All of floating point come as float32 (`asFloat32`).
 */
export async function openWeights(path: string): Promise<NetworkWeights> {
  const weights = openPublished(path);
  if (weights.metadata.format?.startsWith('reprise-checkpoint')) await loadCheckpoint(path);
  const counts = new Map<string, number>();
  let changed = 0;
  const tensors = [...weights.tensors].map(([name, array]) => {
    const { value, rounded } = asFloat32(array, `${path}: ${name}`);
    if (value !== array) counts.set(array.dtype, (counts.get(array.dtype) ?? 0) + 1);
    changed += rounded;
    return [name, value] as const;
  });
  const notes = [...counts].map(([dtype, count]) => {
    const how = dtype === 'float64' ? `rounded, which changed ${changed} values` : 'exactly';
    return `${path}: ${count} tensors of ${dtype} taken as float32, ${how}`;
  });
  return { ...weights, tensors: new Map(tensors), notes };
}
