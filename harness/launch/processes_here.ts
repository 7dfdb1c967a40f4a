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

/**
 * Processes of the run that share the cores of this one, itself among them: those with a server on the same host; 1 where
 * SLURM has bound each task to cores of its own. No result depends on it.
 */
export function processesHere(
  place: Pick<Place, 'rank' | 'servers'>,
  environment: Environment,
  { usable, all }: Cores = { usable: availableParallelism(), all: cpus().length },
): number {
  const bound = environment.SLURM_STEP_NUM_TASKS !== undefined && usable < all;
  return bound ? 1 : besides(place).length;
}

/** The ranks whose servers are on the host of this one, itself among them, ascending. */
export function besides({ rank, servers }: Pick<Place, 'rank' | 'servers'>): number[] {
  return neighbours(
    servers.map((text) => parseAddress(text, 'the servers')),
    rank,
  );
}
