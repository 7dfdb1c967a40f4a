import { UserError } from '../base/errors.ts';

/**
 * How the replicas of an experiment lie on processes: in blocks of neighbours, one block a process, as many
 * in each. No bit of a result depends on it.
 */
export interface Layout {
  readonly replicas: number;
  readonly processes: number;
  /** This process's place among them, from 0. */
  readonly rank: number;
}

/** All replicas in one process. */
export function alone(replicas: number): Layout {
  return { replicas, processes: 1, rank: 0 };
}

/** The replicas that a process computes, ascending. */
export function ownReplicas({ replicas, processes, rank }: Layout): number[] {
  const each = replicas / processes;
  return Array.from({ length: each }, (_, i) => rank * each + i);
}

/** The same as a block of neighbours. */
export function blockOf(layout: Layout): { readonly first: number; readonly count: number } {
  const { length: count, 0: first = 0 } = ownReplicas(layout);
  return { first, count };
}

/** @throws UserError where so many processes can not share the replicas evenly, with the counts that can. */
export function checkProcesses(replicas: number, processes: number): void {
  if (replicas % processes === 0) return;
  const valid = Array.from({ length: replicas }, (_, i) => i + 1).filter((n) => replicas % n === 0);
  throw new UserError(
    `--processes ${processes}: the experiment has ${replicas} replicas, which processes share evenly; use ${valid.join(', ')}`,
  );
}
