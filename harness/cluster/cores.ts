import { availableParallelism } from 'node:os';

/**
 * Cores for one of several processes of a run that use the same ones, at least one.
 * @param processesHere processes of the run on these cores; 1 where a scheduler has bound each to its own
 * @param cores that this process may use
 */
export function coresFor(processesHere = 1, cores: number = availableParallelism()): number {
  return Math.max(1, Math.floor(cores / processesHere));
}
