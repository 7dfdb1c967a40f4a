import { freePorts } from '../launch/ports.ts';
import type { Group } from './group.ts';
import { type JoinOptions, joinGroup } from './join_group.ts';
import type { Place } from './place.ts';
import { newSecret } from './secret.ts';

/** Places of processes on this machine. */
export async function places(processes: number, timeoutSeconds = 20): Promise<Place[]> {
  const [meeting = 0, ...ports] = await freePorts(1 + processes);
  const servers = ports.map((port) => `127.0.0.1:${port}`);
  const secret = newSecret();
  return servers.map((_, rank) => ({
    rank,
    servers,
    meeting: `127.0.0.1:${meeting}`,
    timeoutSeconds,
    secret,
  }));
}

const NO_FAILURE: JoinOptions = {
  onFailure: ({ why }) => {
    throw new Error(`no failure was expected: ${why}`);
  },
};

/** All join, each with connections and a thread of its own; here without processes of their own. */
export function joinAll(all: readonly Place[], options = NO_FAILURE): Promise<Group[]> {
  return Promise.all(all.map((place) => joinGroup(place, options)));
}

/** What each that could not join was told. */
export async function refusals(all: readonly (Place | undefined)[]): Promise<string[]> {
  const those = all.filter((place) => place !== undefined);
  const results = await Promise.allSettled(those.map((place) => joinGroup(place, NO_FAILURE)));
  return results.map((result) =>
    result.status === 'rejected' ? `${result.reason.name}: ${result.reason.message}` : 'joined',
  );
}

/** Ends a run as its processes do. */
export async function endAll(groups: readonly Group[], code = 0): Promise<number[]> {
  await groups.find(({ rank }) => rank === 0)?.end(code);
  return Promise.all(groups.map(({ ended }) => ended));
}
