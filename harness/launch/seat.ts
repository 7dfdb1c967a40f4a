import { UserError } from '../base/index.ts';
import type { Address } from '../cluster/address.ts';
import { addressText, checkPort } from './ports.ts';

/** One process's seat among those that something else starts, one on each host or several. */
export interface Seat {
  /** What says so, for messages: `--hosts`, `TF_CONFIG`, `SLURM`. */
  readonly way: string;
  readonly rank: number;
  /** Of the processes' servers, by rank. */
  readonly servers: readonly Address[];
  /** At which the process of rank 0 awaits the others. */
  readonly meeting: Address;
  /** What all processes of the run know alike: a secret is made of it where none is given. */
  readonly common: string;
}

/**
 * The seat that a list of servers gives.
 * @param port where the processes meet, on the host of rank 0: by default one above its highest port in the list
 * @throws UserError for a list that cannot be
 */
export function seatIn(
  way: string,
  servers: readonly Address[],
  rank: number,
  port: number | undefined,
): Seat {
  const [first] = servers;
  if (first === undefined) throw new UserError(`${way}: names no process`);
  if (!Number.isSafeInteger(rank) || rank < 0 || rank >= servers.length)
    throw new UserError(
      `${way}: rank ${rank}, but ${servers.length} processes are named: expected 0 to ${servers.length - 1}`,
    );
  checkDistinct(servers, way);
  const beside = servers.filter(({ host }) => host === first.host);
  const highest = Math.max(...beside.map(({ port: one }) => one));
  const meeting = { host: first.host, port: checkPort(port ?? highest + 1, `${way}: --port`) };
  const text = addressText(meeting);
  if (servers.some((one) => addressText(one) === text))
    throw new UserError(
      `${way}: --port ${meeting.port} is where the processes meet, and ${text} is a process's server already; choose a port that is in no address`,
    );
  return { way, rank, servers, meeting, common: servers.map(addressText).join(',') };
}

function checkDistinct(addresses: readonly Address[], where: string): void {
  const texts = addresses.map(addressText);
  const twice = texts.find((text, i) => texts.indexOf(text) !== i);
  if (twice !== undefined)
    throw new UserError(
      `${where}: ${twice} is there twice, and each process has an address of its own; give processes of one machine different ports`,
    );
}

/** The ranks on the same host as this one, itself among them, ascending. */
export function neighbours(servers: readonly { readonly host: string }[], rank: number): number[] {
  const ranks = servers.map((_, i) => i);
  return ranks.filter((one) => servers[one]?.host === servers[rank]?.host);
}
