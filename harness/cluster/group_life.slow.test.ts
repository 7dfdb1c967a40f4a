import { type ChildProcess, spawn } from 'node:child_process';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { freePorts } from '../launch/ports.ts';
import { parseAddress } from './address.ts';
import type { Task } from './group.child.ts';
import { places } from './group.fixture.ts';
import { joinGroup } from './join_group.ts';
import type { Place } from './place.ts';
import { environmentOf } from './place_variable.ts';

const CHILD = fileURLToPath(new URL('group.child.ts', import.meta.url));

/** A process of a run, and what it said. */
interface Running {
  readonly child: ChildProcess;
  readonly lines: string[];
  readonly exit: Promise<number | null>;
}

const running: Running[] = [];
afterEach(() => {
  for (const { child } of running.splice(0)) child.kill('SIGKILL');
});

/** Starts them all and waits until they have come together. */
async function start(places: readonly Place[], task: Task): Promise<Running[]> {
  const all = places.map((place) => {
    const child = spawn(process.execPath, ['--import', 'tsx', CHILD, JSON.stringify(task)], {
      env: { ...process.env, ...environmentOf(place) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      lines.push(...parts);
    });
    const exit = new Promise<number | null>((done) => child.on('close', (code) => done(code)));
    return { child, lines, exit };
  });
  running.push(...all);
  for (const { lines } of all) await until(() => expect(lines).toContain('joined'));
  return all;
}

const until = (assertion: () => void, seconds = 40) =>
  vi.waitFor(assertion, { timeout: 1000 * seconds, interval: 20 });

describe('processes of a run that lose one of them', () => {
  it.each([1, 0])('notice within 2 s that rank %i was killed', async (victim) => {
    const them = await places(3);
    const all = await start(them, { kind: 'work' });
    all[victim]?.child.kill('SIGKILL');
    const left = all.filter((_, rank) => rank !== victim);
    const text = `rank ${victim} (${them[0]?.servers[victim]}): its connection was closed`;
    for (const { lines } of left)
      await until(
        () => expect(lines).toContainEqual(expect.stringContaining(`failure ${text}`)),
        2,
      );
    for (const { lines, exit } of left) {
      expect(await exit).toBe(7);
      expect(lines.map((line) => line.split(' ')[0])).toEqual(['joined', 'failure', 'threw']);
      expect(lines[2]).toContain(`threw ${text}`);
    }
  });

  it('notice after the time-out that one is stopped; it hears of it when it goes on', async () => {
    const them = await places(3, 3);
    const all = await start(them, { kind: 'work' });
    all[2]?.child.kill('SIGSTOP');
    const since = performance.now();
    const text = `failure rank 2 (${them[0]?.servers[2]}): gave no sign of life for 3 s`;
    for (const { lines } of all.slice(0, 2))
      await until(() => expect(lines).toContainEqual(expect.stringContaining(text)), 10);
    expect(performance.now() - since).toBeGreaterThan(2500);
    all[2]?.child.kill('SIGCONT');
    for (const { exit } of all) expect(await exit).toBe(7);
    expect(all[2]?.lines).toContainEqual(expect.stringContaining(text));
  });

  it('gave one up that was stopped, which knows that by itself where nobody can tell it any more', async () => {
    const [zero, one] = await places(2, 3);
    if (zero === undefined || one === undefined) throw new Error('no places');
    const cable = await cableTo(zero.meeting);
    const all = await start([zero, { ...one, meeting: cable.address }], { kind: 'work' });
    all[1]?.child.kill('SIGSTOP');
    cable.cut(); // what rank 0 writes now never comes
    const text = `failure rank 1 (${one.servers[1]}): gave no sign of life for 3 s`;
    await until(() => expect(all[0]?.lines).toContainEqual(expect.stringContaining(text)), 10);
    cable.reset();
    all[1]?.child.kill('SIGCONT');
    for (const { exit } of all) expect(await exit).toBe(7);
    expect(all[1]?.lines).toContainEqual(expect.stringContaining(text));
    cable.close();
  });

  it('gave rank 0 up that was stopped, which then names none of them', async () => {
    const [zero, one] = await places(2, 3);
    if (zero === undefined || one === undefined) throw new Error('no places');
    const all = await start([zero, one], { kind: 'work' });
    all[0]?.child.kill('SIGSTOP');
    const text = `failure rank 0 (${one.servers[0]}): gave no sign of life for 3 s`;
    await until(() => expect(all[1]?.lines).toContainEqual(expect.stringContaining(text)), 10);
    expect(await all[1]?.exit).toBe(7);
    all[0]?.child.kill('SIGCONT');
    expect(await all[0]?.exit).toBe(7);
    expect(all[0]?.lines).toContainEqual(expect.stringContaining(text));
  });

  it('notice on both sides of a network that is cut, where no connection closes', async () => {
    const [zero, one] = await places(2, 3);
    if (zero === undefined || one === undefined) throw new Error('no places');
    const cable = await cableTo(zero.meeting);
    const heard: string[] = [];
    const groups = await Promise.all(
      [zero, { ...one, meeting: cable.address }].map((place) =>
        joinGroup(place, {
          onFailure: ({ rank, why }) => void heard.push(`${place.rank} of ${rank}: ${why}`),
        }),
      ),
    );
    await Promise.all(groups.map((group) => group.exchange('connected', 1)));
    cable.cut();
    await until(() => expect(heard).toHaveLength(2), 20);
    expect(heard.sort()).toEqual([
      expect.stringMatching(/^0 of 1: gave no sign of life for 3 s/),
      expect.stringMatching(/^1 of 0: gave no sign of life for 3 s/),
    ]);
    cable.close();
  });
});

it('is no loss: a main thread that computes, and a run that is stopped as a whole for a while', async () => {
  const all = await start(await places(2, 3), { kind: 'compute', seconds: 6 });
  for (const { child } of all) child.kill('SIGSTOP');
  await sleep(5000);
  for (const { child } of all) child.kill('SIGCONT');
  for (const { lines, exit } of all) {
    expect(await exit).toBe(0);
    expect(lines).toEqual(['joined', 'together 0,1', 'ended 0']);
  }
});

/** Carries a connection until it is cut: then nothing arrives, and neither side is told. */
async function cableTo(meeting: string) {
  const [port = 0] = await freePorts(1);
  const sockets: Socket[] = [];
  const server = createServer((near) => {
    const far = connect(parseAddress(meeting, 'a test'));
    far.on('error', () => near.destroy());
    near.on('error', () => far.destroy());
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
    near.pipe(far);
    far.pipe(near);
    sockets.push(near, far);
  });
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  return {
    address: `127.0.0.1:${port}`,
    cut: () => {
      for (const socket of sockets) socket.unpipe().pause();
    },
    /** As a kernel does that was sent something after its process had closed the connection. */
    reset: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
