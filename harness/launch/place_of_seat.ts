import { createHash } from 'node:crypto';
import type { Place } from '../cluster/place.ts';
import type { Environment } from './environment.ts';
import { addressText } from './ports.ts';
import type { Seat } from './seat.ts';

/**
 * The place of a process that something else started. Its secret is `REPRISE_SECRET`; without one it is made of what all
 * processes know, which keeps other runs out and nobody who means harm.
 */
export function placeOfSeat(
  { rank, servers, meeting, common }: Seat,
  { REPRISE_SECRET }: Environment,
  timeoutSeconds: number,
): Place {
  const made = () => createHash('sha256').update(`reprise ${common}`).digest('hex');
  return {
    rank,
    servers: servers.map(addressText),
    meeting: addressText(meeting),
    timeoutSeconds,
    secret: REPRISE_SECRET || made(),
  };
}
