import {
  type CheckpointMeta,
  type LoadedCheckpoint,
  latestCheckpoint,
  loadCheckpoint,
  readCheckpointMeta,
} from '../weights/checkpoint.ts';
import { revisedCheckpoint, revisedMeta } from './former.ts';

/** `loadCheckpoint` for checkpoints of a run: what one of the former format says comes as of today. */
export async function loadRunCheckpoint(file: string): Promise<LoadedCheckpoint> {
  return revisedCheckpoint(await loadCheckpoint(file));
}

/** `latestCheckpoint` for the folder of a run. */
export async function latestRunCheckpoint(
  folder: string,
  warn: (message: string) => void,
): Promise<LoadedCheckpoint | undefined> {
  const found = await latestCheckpoint(folder, warn);
  return found === undefined ? undefined : revisedCheckpoint(found);
}

/** `readCheckpointMeta` for a checkpoint of a run. */
export function readRunMeta(file: string): CheckpointMeta {
  return revisedMeta(readCheckpointMeta(file));
}
