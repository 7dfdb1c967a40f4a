import type { Failure } from '../failure.ts';
import { rankAt } from '../failure.ts';
import type { Place } from '../place.ts';
import type { Hello } from './messages.ts';

// What every process of a run prints when they do not come together: which one, what of it, how to mend it.

/** Why a process that knows the secret can still not take part; undefined where it can. */
export function objection(
  place: Place,
  hello: Hello,
  there: ReadonlySet<number>,
): string | undefined {
  const { servers, timeoutSeconds } = place;
  if (hello.servers.length !== servers.length)
    return `rank ${hello.rank} was started for ${counted(hello.servers.length)}, rank 0 for ${servers.length}; start all with the same number (--processes, --hosts, TF_CONFIG or srun --ntasks)`;
  const at = servers.findIndex((server, r) => server !== hello.servers[r]);
  if (at >= 0)
    return `rank ${hello.rank} expects rank ${at} at ${hello.servers[at]}, rank 0 expects it at ${servers[at]}; start all with the same list of hosts in the same order`;
  if (hello.timeoutSeconds !== timeoutSeconds)
    return `rank ${hello.rank} has a time-out of ${hello.timeoutSeconds} s, rank 0 of ${timeoutSeconds} s; start all with the same`;
  if (hello.trouble !== undefined) return hello.trouble;
  if (hello.rank === 0 || there.has(hello.rank))
    return `${rankAt(place, hello.rank)} is there twice; give each process a rank of its own (--rank), and end those of earlier runs`;
  if (hello.rank >= servers.length)
    return `rank ${hello.rank} came to a run of ${counted(servers.length)}, which have the ranks 0 to ${servers.length - 1}`;
  return undefined;
}

export function secretsDiffer({ meeting }: Place, rank: number): string {
  return `rank ${rank} and rank 0 (at ${meeting}) have different secrets; start all processes of a run with the same one, and end those of earlier runs`;
}

export function missing(place: Place, there: ReadonlySet<number>): string {
  const ranks = place.servers.map((_, r) => r).filter((r) => r > 0 && !there.has(r));
  const names = ranks.map((rank) => rankAt(place, rank)).join(', ');
  return `${names} did not come to ${place.meeting} within ${place.timeoutSeconds} s; start ${ranks.length === 1 ? 'it' : 'them'}, see there why ${ranks.length === 1 ? 'it' : 'they'} ended, and check that no firewall closes this port`;
}

export function notThere({ meeting, timeoutSeconds }: Place, cause: string): string {
  return `rank 0 did not answer at ${meeting} within ${timeoutSeconds} s (${cause}); start it, see there why it ended, and check the address and that no firewall closes this port`;
}

export function otherProgram({ meeting }: Place, cause: string): string {
  return `another program than rank 0 has the port of the meeting, ${meeting}: ${cause}; choose a free port (PORT), or end that program`;
}

export function unreachable({ meeting }: Place, code: string): string {
  return `rank 0 cannot be reached at ${meeting} (${code}); check the address, and that both machines are on one network`;
}

export function wentAway({ meeting }: Place): string {
  return `rank 0 (at ${meeting}) went away before all processes were there; see what it printed`;
}

export function leftEarly({ rank, address, why }: Failure): string {
  return `rank ${rank} (${address}) was lost before all processes were there: ${why}`;
}

function counted(processes: number): string {
  return processes === 1 ? '1 process' : `${processes} processes`;
}
