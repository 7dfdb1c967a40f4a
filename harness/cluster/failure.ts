import type { Place } from './place.ts';

/** Why the processes of a run cannot go on together. */
export interface Failure {
  /** Of the process that is lost or gave up; undefined where it is no single one. */
  readonly rank: number | undefined;
  /** Its `host:port`, as in `Place.servers`. */
  readonly address: string;
  readonly why: string;
}

/** `rank 2 (node7:2222): why` */
export function failureText({ rank, address, why }: Failure): string {
  return rank === undefined ? why : `rank ${rank} (${address}): ${why}`;
}

/** How messages name a process. */
export function rankAt({ servers }: Pick<Place, 'servers'>, rank: number): string {
  return `rank ${rank} (${servers[rank] ?? 'no address'})`;
}
