import { setTimeout as sleep } from 'node:timers/promises';
import { clock } from '../base/clock.ts';
import { errorCode } from '../base/error_code.ts';
import { UserError } from '../base/errors.ts';
import { connectServers } from '../engine/exchange.ts';
import { EngineError } from '../engine/native/native.ts';
import { type Server, startServer } from '../engine/server.ts';
import { rankAt } from './failure.ts';
import type { Group } from './group.ts';
import type { Place } from './place.ts';
import { dial } from './wire/dial.ts';
import { PATIENCE_SECONDS } from './wire/ports.ts';

const ATTEMPT = 5; // seconds for one connection: a network that drops packets answers nothing
const AGAIN = 250; // milliseconds between two attempts

/**
 * Starts TensorFlow's server of this process and connects it with those of the others. What they send each other there
 * goes by other ports than the group's signs of life, and TensorFlow waits for an answer for ever: so every port is
 * tried first, and the first thing that servers do together has a time-out.
 * @param threads as `SessionOptions.intraThreads`
 * @throws UserError on every process, which names who cannot reach whom
 */
export async function openServers(place: Place, group: Group, threads: number): Promise<Server> {
  const { rank, servers, timeoutSeconds } = place;
  const server = startServer({ servers, rank, intraThreads: threads, interThreads: threads });
  await group.exchange('servers', rank); // nobody connects to one that is not up yet
  const all = await group.exchange('reached', await unreached(place));
  const lines = all.flatMap((list, from) =>
    list.map(({ to, why }) => `${rankAt(place, from)} cannot reach ${rankAt(place, to)}: ${why}`),
  );
  if (lines.length > 0)
    throw new UserError(
      `TensorFlow's servers cannot be connected: ${lines.join('; ')}; check these addresses, and that no firewall closes these ports between the machines`,
    );
  try {
    await connectServers(server, timeoutSeconds);
  } catch (cause) {
    if (!(cause instanceof EngineError)) throw cause;
    throw new UserError(
      `TensorFlow's servers (${servers.join(', ')}) take connections and do not answer each other within ${timeoutSeconds} s: ${cause.message}; check that nothing between the machines holds up or changes what they send`,
      { cause },
    );
  }
  return server;
}

// A type, not an interface: it travels as JSON.
type Unreached = { readonly to: number; readonly why: string };

/** The other processes whose server this one cannot connect to, after some patience. */
async function unreached({ rank, servers, timeoutSeconds }: Place): Promise<Unreached[]> {
  const patience = Math.min(PATIENCE_SECONDS, timeoutSeconds);
  const tried = servers.map(async (address, to) => {
    const why = to === rank ? undefined : await problemOf(address, patience);
    return why === undefined ? [] : [{ to, why }];
  });
  return (await Promise.all(tried)).flat();
}

async function problemOf(address: string, patience: number): Promise<string | undefined> {
  const until = clock.seconds() + patience;
  for (;;) {
    try {
      const left = until - clock.seconds();
      (await dial(address, 'the servers', Math.min(ATTEMPT, Math.max(left, 0.1)))).destroy();
      return undefined;
    } catch (cause) {
      if (clock.seconds() >= until) return errorCode(cause) ?? (cause as Error).message;
    }
    await sleep(AGAIN);
  }
}
