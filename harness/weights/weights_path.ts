import { basename, dirname, join } from 'node:path';
import { kindOfPath, readFolder, UserError } from '../base/index.ts';

const EPOCH = /^epoch_(\d+)\.safetensors$/;
const RECORD = 'record.json';

/**
 * The file of weights that a path means: itself, or of a work directory (or the `record.json` in one) the checkpoint of
 * an epoch, the newest whole one by default.
 * @throws UserError where nothing is there, or no such epoch was kept.
 */
export function weightsFileOf(path: string, epoch?: number): string {
  const kind = kindOfPath(path);
  if (kind === undefined)
    throw new UserError(
      `${path} is not there; expected a file of weights, a work directory or a record`,
    );
  if (kind === 'folder') return checkpointIn(path, epoch);
  if (basename(path) === RECORD) return checkpointIn(dirname(path), epoch);
  if (epoch !== undefined)
    throw new UserError(
      `--epoch ${epoch} goes with a work directory or its ${RECORD}, and ${path} is a file of its own; leave it out`,
    );
  return path;
}

function checkpointIn(folder: string, epoch: number | undefined): string {
  const epochs = readFolder(folder)
    .flatMap((name) => EPOCH.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
  const newest = epochs.at(-1);
  if (newest === undefined)
    throw new UserError(
      `${folder} has no checkpoint of a whole epoch (epoch_N.safetensors); name a file of weights`,
    );
  if (epoch !== undefined && !epochs.includes(epoch))
    throw new UserError(
      `${folder} has no epoch_${epoch}.safetensors; kept are the epochs ${epochs.join(', ')}`,
    );
  return join(folder, `epoch_${epoch ?? newest}.safetensors`);
}
