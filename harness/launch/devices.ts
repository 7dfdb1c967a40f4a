import { readdirSync } from 'node:fs';
import { UserError } from '../base/index.ts';
import { chooseDevice } from '../engine/library/driver.ts';
import type { Environment } from './environment.ts';

const VISIBLE = 'CUDA_VISIBLE_DEVICES';

/** The GPUs that a process may use, by what CUDA calls them; undefined where that is not known. */
export function gpusHere(environment: Environment): readonly string[] | undefined {
  if (chooseDevice(environment.REPRISE_DEVICE) === 'cpu') return [];
  const visible = environment[VISIBLE];
  if (visible !== undefined) return visible.split(',').filter((text) => text.trim() !== '');
  try {
    return readdirSync('/proc/driver/nvidia/gpus').map((_, i) => String(i));
  } catch {
    return undefined; // as in WSL 2
  }
}

/**
 * What gives one of the processes on a machine a GPU of its own; nothing on CPUs.
 * @param local its number among them
 * @param given whether something else may have given each its own already, as SLURM does
 * @throws UserError where there are more processes than GPUs
 */
export function deviceOf(
  local: number,
  processes: number,
  gpus: readonly string[] | undefined,
  given: boolean,
): Readonly<Record<string, string>> {
  if (gpus === undefined || gpus.length === 0 || (given && gpus.length === 1)) return {};
  const own = gpus[local];
  if (own !== undefined && processes <= gpus.length) return { [VISIBLE]: own };
  throw new UserError(
    `${processes} processes on this machine, which has ${gpus.length} GPUs (${gpus.join(', ')}), and each process has one of its own; start ${gpus.length} here, or set REPRISE_DEVICE=cpu`,
  );
}
