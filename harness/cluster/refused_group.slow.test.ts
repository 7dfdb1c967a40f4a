import { randomBytes } from 'node:crypto';
import { connect, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { hearNotices } from '../base/notices.ts';
import { parseAddress } from './address.ts';
import { endAll, joinAll, places, refusals } from './group.fixture.ts';
import { joinGroup } from './join_group.ts';
import type { Place } from './place.ts';
import { newNonce } from './secret.ts';
import { PROTOCOL } from './wire/messages.ts';
import { Wire } from './wire/wire.ts';

// Far below the time-out, far above what starting a few threads takes on a machine that is busy.
const [QUICK, TIMEOUT] = [60, 120]; // seconds

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

/** A program that has an address and does what it likes with who comes. */
async function program(at: string, onConnection: Parameters<typeof createServer>[1] = () => {}) {
  const server = createServer(onConnection as never);
  open.push(server);
  await new Promise<void>((done) => server.listen(parseAddress(at, 'a test'), done));
}

/** @returns the one cause that all were told, in time */
async function causeOf(told: Promise<readonly string[]>): Promise<string> {
  const start = performance.now();
  const messages = await told;
  expect((performance.now() - start) / 1000).toBeLessThan(QUICK);
  expect(new Set(messages).size, messages.join('\n')).toBe(1);
  return messages[0] ?? '';
}

describe('processes that cannot come together all say one cause', () => {
  it('a rank is missing, after the time-out', async () => {
    const [zero, one, two] = await places(3, 3);
    expect(await causeOf(refusals([zero, one]))).toContain(
      `UserError: rank 2 (${two?.servers[2]}) did not come to ${zero?.meeting} within 3 s`,
    );
  });

  it('rank 0 is missing, after the time-out', async () => {
    const [, one, two] = await places(3, 2);
    expect(await causeOf(refusals([one, two]))).toContain(
      `UserError: rank 0 did not answer at ${one?.meeting} within 2 s (ECONNREFUSED)`,
    );
  });

  const local = (ports: readonly number[]) => ports.map((port) => `127.0.0.1:${port}`);
  it.each([
    [{ secret: 'another' }, /rank 1 and rank 0 \(at .*\) have different secrets/],
    [{ servers: local([9, 7]) }, /rank 1 was started for 2 processes, rank 0 for 3/],
    [{ servers: local([9, 7, 5]) }, /rank 1 expects rank 0 at 127.0.0.1:9, rank 0 expects it at/],
    [{ rank: 2 }, /rank 2 \(.*\) is there twice/],
    [{ timeoutSeconds: 40 }, /rank 1 has a time-out of 40 s, rank 0 of 120 s/],
  ])('one has %j', async (change, message) => {
    const all = await places(3, TIMEOUT);
    const changed = all.map((place) => (place?.rank === 1 ? { ...place, ...change } : place));
    expect(await causeOf(refusals(changed))).toMatch(message);
  });

  it.each([0, 2])('the port of the server of rank %i is in use', async (rank) => {
    const all = await places(3, TIMEOUT);
    const server = all[0]?.servers[rank] ?? '';
    await program(server);
    const { port } = parseAddress(server, 'a test');
    expect(await causeOf(refusals(all))).toBe(
      `UserError: rank ${rank} (${server}): port ${port}, for TensorFlow's server, is in use by another program; choose another port, or end that program`,
    );
  });

  it('the name of a host is not known', async () => {
    const all = await places(2, 3);
    const servers = [all[0]?.servers[0] ?? '', 'no-such-host.invalid:2222'];
    expect(await causeOf(refusals(all.map((place) => place && { ...place, servers })))).toContain(
      'rank 1 (no-such-host.invalid:2222): no host is called "no-such-host.invalid"',
    );
  });

  it('the port of the meeting is in use: by what is silent, talks otherwise, or closes', async () => {
    const [silent, talking, closing] = await Promise.all([1, 2, 3].map(() => places(2, 3)));
    const meeting = (all = silent) => all?.[0]?.meeting ?? '';
    await program(meeting(silent));
    await program(
      meeting(talking),
      (socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    );
    await program(meeting(closing), (socket) => void socket.destroy());
    const told = await Promise.all([silent, talking, closing].map((all) => refusals(all ?? [])));
    for (const [i, [zero, one]] of told.entries()) {
      expect(zero).toMatch(/rank 0 cannot listen at the meeting, .*: it is in use by another/);
      expect(one).toMatch(
        i === 2
          ? /rank 0 did not answer at .* within 3 s \(it closes connections\)/
          : /another program than rank 0 has the port of the meeting, 127.0.0.1/,
      );
    }
  });

  it('one is told to stop while it waits', async () => {
    const [zero, one] = await places(3);
    if (zero === undefined || one === undefined) throw new Error('no places');
    const stop = new AbortController();
    const waiting = joinGroup(zero, { onFailure: () => {}, signal: stop.signal });
    const other = refusals([one]);
    setTimeout(() => stop.abort(new Error('Ctrl-C')), 3000);
    await expect(waiting).rejects.toThrow('Ctrl-C');
    expect((await other)[0]).toMatch(/rank 0|told to stop/);
  });
});

describe('whoever does not know the secret', () => {
  const GARBAGE = [
    Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
    Buffer.alloc(1000),
    Buffer.alloc(12, 0xff),
    randomBytes(100_000),
    Buffer.concat([Buffer.from([0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{}')]),
    Buffer.concat([Buffer.from([0, 0, 0, 2, 0x41, 0xf0, 0, 0, 0, 0, 0, 0]), Buffer.from('{}')]),
  ];

  /** Sends it and waits until the other side closes. */
  const send = (at: string, bytes: Uint8Array) =>
    new Promise<void>((done) => {
      const socket = connect(parseAddress(at, 'a test'), () => void socket.write(bytes));
      socket.on('error', () => {}).on('close', () => done());
    });

  /** One that never says a word. */
  const silentConnection = (at: string) =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(parseAddress(at, 'a test'), resolve);
      socket.on('error', reject).unref();
    });

  /** What comes after a proof that somebody makes up. */
  const answerTo = async (
    { meeting, rank, servers, timeoutSeconds }: Place,
    prove: (challenge: { readonly proof: string }) => string,
  ) => {
    const socket = connect(parseAddress(meeting, 'a test'));
    const wire = new Wire(socket);
    const hello = { kind: 'hello', protocol: PROTOCOL, nonce: newNonce() } as const;
    void wire.send({ ...hello, rank, servers, timeoutSeconds });
    const challenge = await wire.next(10);
    if (challenge.kind !== 'challenge') return challenge.kind;
    void wire.send({ kind: 'proof', proof: prove(challenge) });
    return wire.next(10).then(
      ({ kind }) => kind,
      (gone) => gone.kind,
    );
  };

  it('is sent away, before and after the others are there, and it is said once', async () => {
    const [zero, one] = await places(2, TIMEOUT);
    if (zero === undefined || one === undefined) throw new Error('no places');
    const notices: string[] = [];
    const restore = hearNotices((message) => notices.push(message));
    const first = joinAll([zero]);
    await vi.waitFor(() => silentConnection(zero.meeting), { timeout: 1000 * QUICK });
    await Promise.all([...GARBAGE, ...GARBAGE].map((bytes) => send(zero.meeting, bytes)));
    const groups = [...(await joinAll([one])), ...(await first)];
    await Promise.all(GARBAGE.map((bytes) => send(zero.meeting, bytes)));
    expect((await refusals([one]))[0]).toMatch(/has all its processes already/);
    expect((await refusals([{ ...one, secret: 'guessed' }]))[0]).toMatch(/different secrets/);
    expect(await answerTo(one, (challenge) => challenge.proof)).toBe('closed'); // rank 0's own
    expect(await answerTo(one, () => '')).toBe('closed');
    expect(await Promise.all(groups.map((group) => group.exchange('still', group.rank)))).toEqual([
      [0, 1],
      [0, 1],
    ]);
    await endAll(groups);
    restore();
    expect(notices).toEqual([
      `${zero.meeting}: something at 127.0.0.1 that is no process of this run wanted to take part and was sent away`,
    ]);
  });
});
