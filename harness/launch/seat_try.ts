import { UserError } from '../base/index.ts';
import { rankAt } from '../cluster/failure.ts';
import type { Place } from '../cluster/place.ts';
import type { Try } from './launch.ts';
import { answerRoll } from './roll_answer.ts';
import { callRoll } from './roll_call.ts';

export interface SeatSetup {
  readonly place: Place;
  readonly replicas: number;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly tell: (line: string) => void;
}

/**
 * Prepares the process of this host among those of several, each with a launcher: these meet, first all of them, after
 * a loss those that are left, of whom as many go on as can share the replicas.
 * @returns undefined where this host is not needed any more
 * @throws UserError
 */
export async function prepareSeat(
  { place, replicas, command, environment, tell }: SeatSetup,
  number: number,
  stop: AbortSignal,
): Promise<Try | undefined> {
  const setup = { place, stop };
  const { ranks, secret } =
    place.rank === 0
      ? await callRoll(setup, (present) => chosen(place, replicas, number, present))
      : await answerRoll(setup);
  const rank = ranks.indexOf(place.rank);
  const servers = ranks.map((one) => place.servers[one] ?? '');
  if (servers.length < place.servers.length) tell(fewer(place, ranks, rank));
  if (rank < 0) return undefined;
  return {
    places: [{ ...place, rank, servers, secret }],
    command,
    environment: () => environment,
    close: () => {},
  };
}

/** The first of those present, as many as share the replicas evenly; at the first try all have to be there. */
export function chosen(
  place: Pick<Place, 'servers' | 'timeoutSeconds'>,
  replicas: number,
  number: number,
  present: readonly number[],
): readonly number[] {
  const { servers, timeoutSeconds } = place;
  const missing = servers.map((_, rank) => rank).filter((rank) => !present.includes(rank));
  if (number === 0 && missing.length > 0)
    throw new UserError(
      `${missing.map((rank) => rankAt(place, rank)).join(', ')} did not come within ${timeoutSeconds} s; start the same command there with the same --hosts, or look whether it reaches rank 0`,
    );
  let count = present.length;
  while (replicas % count !== 0) count--;
  return present.slice(0, count);
}

function fewer(place: Place, ranks: readonly number[], rank: number): string {
  const all = place.servers.length;
  if (rank < 0)
    return `${rankAt(place, place.rank)} is not needed: after a loss the run goes on in ${ranks.length} of ${all} processes`;
  const away = place.servers.map((_, one) => one).filter((one) => !ranks.includes(one));
  return `going on in ${ranks.length} of ${all} processes, as rank ${rank}, without ${away.map((one) => rankAt(place, one)).join(', ')}`;
}
