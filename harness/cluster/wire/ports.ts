import { lookup } from 'node:dns/promises';
import { createServer, isIP, type ListenOptions, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { clock } from '../../base/clock.ts';
import { errorCode } from '../../base/error_code.ts';
import { UserError } from '../../base/errors.ts';
import { parseAddress } from '../address.ts';
import { rankAt } from '../failure.ts';
import type { Place } from '../place.ts';

/** Names and routes come up late where machines start together; after this they are wrong. */
export const PATIENCE_SECONDS = 10;
const AGAIN = 250; // milliseconds between two attempts
/**
 * A port may be had a moment later: a process that was given this one's rank by mistake tries the same port, and one
 * that ends just now still has it.
 */
const PORT_PATIENCE_SECONDS = 2;

/**
 * What keeps this process from taking part: a host whose name nobody knows, or a port for TensorFlow's server that
 * another program has. TensorFlow itself would hang for the first, and end the process for the second.
 * @returns undefined where nothing does
 */
export async function troubleOf(place: Place): Promise<string | undefined> {
  const { rank, servers, timeoutSeconds } = place;
  const patience = Math.min(PATIENCE_SECONDS, timeoutSeconds);
  const named = servers.map((server, r) => ({ server, who: rankAt(place, r) }));
  const all = [{ server: place.meeting, who: `the meeting (${place.meeting})` }, ...named];
  const hosts = new Map(all.map(({ server, who }) => [parseAddress(server, who).host, who]));
  const unknown = await Promise.all(
    [...hosts].map(async ([host, who]) => ((await isKnown(host, patience)) ? [] : [{ host, who }])),
  );
  const [first] = unknown.flat();
  if (first !== undefined)
    return `${first.who}: no host is called "${first.host}"; correct the name, or add it to DNS or /etc/hosts`;
  const own = servers[rank] ?? '';
  const { port } = parseAddress(own, 'the servers');
  try {
    // On every interface, as TensorFlow's server does, which would share the port with another one without a word.
    await closed(await listeningSoon({ port, exclusive: true }, timeoutSeconds));
    return undefined;
  } catch (cause) {
    return `${rankAt(place, rank)}: port ${port}, for TensorFlow's server, ${portProblem(cause)}`;
  }
}

/**
 * A server at the meeting. On one machine it listens at that address alone; else on every interface, because a
 * machine may know its own name by an address that others cannot reach.
 * @throws UserError where the port or the address cannot be had
 */
export async function listenAtMeeting(place: Place): Promise<Server> {
  const { meeting, servers, timeoutSeconds } = place;
  const { host, port } = parseAddress(meeting, 'the meeting');
  const hosts = new Set(servers.map((server) => parseAddress(server, 'the servers').host));
  const oneMachine = hosts.size === 1 && hosts.has(host);
  try {
    const options = { port, exclusive: true, ...(oneMachine ? { host } : {}) };
    return await listeningSoon(options, timeoutSeconds);
  } catch (cause) {
    throw new UserError(
      `rank 0 cannot listen at the meeting, ${meeting}: it ${portProblem(cause)}`,
      { cause },
    );
  }
}

/** As `listening`, with some patience for a port that is in use. */
async function listeningSoon(options: ListenOptions, timeoutSeconds: number): Promise<Server> {
  const until = clock.seconds() + Math.min(PORT_PATIENCE_SECONDS, timeoutSeconds / 2);
  for (;;) {
    try {
      return await listening(options);
    } catch (cause) {
      if (errorCode(cause) !== 'EADDRINUSE' || clock.seconds() > until) throw cause;
    }
    await sleep(AGAIN);
  }
}

/** Starts listening. */
export function listening(options: ListenOptions): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve(server);
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((done) => server.close(() => done()));
}

async function isKnown(host: string, patience: number): Promise<boolean> {
  if (isIP(host) !== 0) return true;
  const until = clock.seconds() + patience;
  for (;;) {
    // A resolver that reaches no name server may take longer than anybody waits.
    const known = await Promise.race([
      lookup(host).then(
        () => true,
        () => false,
      ),
      sleep(1000 * patience, false, { ref: false }),
    ]);
    if (known || clock.seconds() > until) return known;
    await sleep(AGAIN);
  }
}

const PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another program; choose another port, or end that program',
  EADDRNOTAVAIL: 'is no address of this machine; start this rank where that address is',
  EACCES: 'may not be used by this user; choose a port from 1024 on',
};

function portProblem(cause: unknown): string {
  const code = errorCode(cause) ?? String(cause);
  return PROBLEMS[code] ?? `cannot be had (${code}); choose another port`;
}
