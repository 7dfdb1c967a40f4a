import { availableParallelism, cpus } from 'node:os';
import { parseAddress } from '../cluster/address.ts';
import type { Place } from '../cluster/place.ts';
import type { Environment } from './environment.ts';
import { neighbours } from './seat.ts';

/** The cores of a machine: those that this process may use, and all. */
export interface Cores {
  readonly usable: number;
  readonly all: number;
}

export function coresHere(): Cores {
  return { usable: availableParallelism(), all: cpus().length };
}

/**
 * The threads that a process computes with where nobody says: its share of the machine's cores, with as much for each
 * process that runs there. Where something gave this process cores of its own (SLURM, taskset), all of them. No result
 * depends on it.
 */
export function threadShare(
  { rank, servers }: Pick<Place, 'rank' | 'servers'>,
  environment: Environment,
  { usable, all }: Cores = coresHere(),
): number {
  const perTask = Number(environment.SLURM_CPUS_PER_TASK);
  if (Number.isSafeInteger(perTask) && perTask > 0) return Math.min(perTask, usable);
  const hosts = servers.map((text) => parseAddress(text, 'server'));
  const here = neighbours(hosts, rank).length;
  const own = usable < all && environment.SLURM_STEP_NUM_TASKS !== undefined;
  return own ? usable : Math.max(1, Math.floor(usable / here));
}
