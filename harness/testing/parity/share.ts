import { alone, type Layout, ownReplicas } from '../../cluster/layout.ts';
import type { Server } from '../../engine/server.ts';

/** The ranks of a case that this process computes as its replicas. */
export interface Share {
  readonly layout: Layout;
  /** Where there are several processes. */
  readonly server: Server | undefined;
  /** The own ranks, ascending. */
  readonly ranks: readonly number[];
}

/** All ranks of a case in one process. */
export function wholeShare(worldSize: number): Share {
  return shareOf(alone(worldSize), undefined);
}

export function shareOf(layout: Layout, server: Server | undefined): Share {
  return { layout, server, ranks: ownReplicas(layout) };
}

/** What a program is made with, to run where the share is. */
export function onServer({ server }: Share): { readonly server?: Server } {
  return server === undefined ? {} : { server };
}

/** Before the names of a rank: nothing where there is one rank. */
export function prefixOf(rank: number, worldSize: number): string {
  return worldSize > 1 ? `rank${rank}.` : '';
}
