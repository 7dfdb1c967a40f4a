import type { Place } from '../cluster/place.ts';

/** How messages name a process. */
export function rankAt({ servers }: Pick<Place, 'servers'>, rank: number): string {
  return `rank ${rank} (${servers[rank] ?? 'no address'})`;
}
