import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { Place } from '../cluster/place.ts';
import { newSecret } from '../cluster/secret.ts';
import { startLauncher } from './launching.fixture.ts';
import { freePorts } from './ports.ts';
import { prepareSeat } from './seat_try.ts';

/** Places of hosts that are all this machine. */
async function placesOf(count: number, timeoutSeconds: number): Promise<Place[]> {
  const [meeting = 0, ...ports] = await freePorts(count + 1);
  const servers = ports.map((port) => `127.0.0.1:${port}`);
  const common = { servers, meeting: `127.0.0.1:${meeting}`, timeoutSeconds, secret: newSecret() };
  return servers.map((_, rank) => ({ ...common, rank }));
}

/** The roll call of some of them: each one's place then, or what it says. */
async function roll(
  places: readonly Place[],
  number: number,
  replicas: number,
  stop?: AbortSignal,
) {
  return Promise.all(
    places.map(async (place) => {
      const said: string[] = [];
      const setup = {
        replicas,
        command: [],
        environment: {},
        tell: (line: string) => said.push(line),
      };
      const never = new AbortController().signal;
      try {
        const found = await prepareSeat({ place, ...setup }, number, stop ?? never);
        return found?.places[0] ?? said.join();
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    }),
  );
}

describe('launchers of several hosts', { concurrent: true }, () => {
  test('meet, and their processes have a secret of this try', async () => {
    const places = await placesOf(3, 30);
    const first = await roll(places, 0, 6);
    const second = await roll([...places].reverse(), 1, 6);
    const secrets = [first, second.reverse()].map((found) => {
      expect(found.map((one) => typeof one === 'object' && { ...one, secret: '' })).toEqual(
        places.map((one) => ({ ...one, secret: '' })),
      );
      return new Set(found.map((one) => typeof one === 'object' && one.secret));
    });
    expect(secrets.map((all) => all.size)).toEqual([1, 1]);
    expect(new Set([...secrets].flatMap((all) => [...all])).size).toBe(2);
  });

  test('all have to be there at first, and who is missing is named to all', async () => {
    const [a, , c] = await placesOf(3, 1);
    if (a === undefined || c === undefined) throw new Error('three places');
    const missing = `rank 1 (${a.servers[1]}) did not come within 1 s; start the same command there`;
    const found = await roll([a, c], 0, 6);
    expect(found).toEqual([expect.stringContaining(missing), expect.stringContaining(missing)]);
  });

  // Of five that can share 8 replicas four go on.
  test('go on without one that stays away, as many as share the replicas', async () => {
    const places = await placesOf(6, 1);
    const found = await roll(
      [0, 1, 3, 4, 5].flatMap((i) => places[i] ?? []),
      1,
      8,
    );
    const servers = [0, 1, 3, 4].map((i) => places[0]?.servers[i]);
    expect(found.slice(0, 4)).toEqual(
      [0, 1, 2, 3].map((rank) => expect.objectContaining({ rank, servers })),
    );
    expect(found[4]).toMatch(/^rank 5 \(\S+\) is not needed: after a loss .* in 4 of 6 processes$/);
  });

  test('refuse another secret, and pass over what strangers send', async () => {
    const [a, b] = await placesOf(2, 2);
    if (a === undefined || b === undefined) throw new Error('two places');
    const stranger = connect(Number(a.meeting.split(':')[1]), '127.0.0.1');
    stranger.on('error', () => {});
    const found = await roll([a, { ...b, secret: newSecret() }], 0, 2);
    stranger.destroy();
    expect(found[0]).toMatch(/rank 1 .* did not come within 2 s/);
    expect(found[1]).toMatch(/has another secret; give all processes the same --hosts/);
    const meeting = Number(a.meeting.split(':')[1]);
    const again = roll([a, b], 0, 2);
    const rude = connect(meeting, '127.0.0.1');
    rude.on('error', () => {});
    rude.write('GET / HTTP/1.1\r\n\r\n');
    expect((await again).map((one) => typeof one)).toEqual(['object', 'object']);
    rude.destroy();
  });

  test('stop waiting when they are asked to', async () => {
    const places = await placesOf(3, 60);
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('asked')), 300);
    expect(await roll(places.slice(0, 2), 1, 6, stop.signal)).toEqual(['asked', 'asked']);
  });

  test('start their processes again, on fewer hosts when one is gone', async () => {
    const places = await placesOf(3, 2);
    const plan = [['exit 75', 'exit 0'], ['exit 75', 'exit 0'], ['abandon']];
    const setup = { replicas: 8, restarts: 1 };
    const runs = places.map((place) =>
      startLauncher({ setup: { ...setup, place, replicas: 6 }, plan }),
    );
    const [a, b, c] = await Promise.all(runs.map(({ ended }) => ended));
    expect([a?.code, b?.code, c?.signal]).toEqual([0, 0, 'SIGKILL']);
    expect(a?.err).toMatch(/going on in 2 of 3 processes, as rank 0, without rank 2 \(127/);
    expect(b?.err).toMatch(/^\[rank 1\] rank 1 of 2, pid \d+, try 1/m);
  });
});
