import { UserError } from '../base/index.ts';
import { parseAddress } from '../cluster/address.ts';
import { type Seat, seatIn } from './seat.ts';

/**
 * The seat that `--hosts host:port,… --rank R` gives.
 * @throws UserError
 */
export function seatOfHosts(
  hosts: string,
  rank: number | undefined,
  port: number | undefined,
): Seat {
  const texts = hosts.split(',').map((text) => text.trim());
  const servers = texts.map((text) => parseAddress(text, '--hosts'));
  if (rank === undefined)
    throw new UserError(
      `--hosts names ${servers.length} processes: say with --rank which of them this is, 0 to ${servers.length - 1}`,
    );
  return seatIn('--hosts', servers, rank, port);
}
