import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { places } from '../cluster/group.fixture.ts';
import type { Place } from '../cluster/place.ts';
import { environmentOf } from '../cluster/place_variable.ts';
import { dial } from '../cluster/wire/dial.ts';

const CHILD = fileURLToPath(new URL('cluster.child.ts', import.meta.url));

/** Of a network that nobody has (RFC 5737): TensorFlow's server listens at its port, and no connection gets there. */
const NOWHERE = '192.0.2.1';

const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

interface End {
  readonly code: number | null;
  readonly text: string;
}

function start(place: Place): { readonly child: ChildProcess; readonly end: Promise<End> } {
  const child = spawn(process.execPath, ['--import', 'tsx', CHILD], {
    env: { ...process.env, ...environmentOf(place) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.push(child);
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  return { child, end: new Promise((done) => child.on('close', (code) => done({ code, text }))) };
}

/** Two processes that see each other's signs of life, while rank 0 cannot reach the server of rank 1. */
async function cutOff(timeoutSeconds: number): Promise<Place[]> {
  const all = await places(2, timeoutSeconds);
  return all.map((place) => {
    const [zero = '', one = ''] = place.servers;
    return { ...place, servers: [zero, one.replace('127.0.0.1', NOWHERE)] };
  });
}

describe('processes whose servers cannot be connected', () => {
  it('say on all who cannot reach whom', async () => {
    const all = await cutOff(20);
    const [zero, one] = all[0]?.servers ?? [];
    const ends = await Promise.all(all.map((place) => start(place).end));
    for (const { code, text } of ends) {
      expect(text).toMatch(/^UserError: TensorFlow's servers cannot be connected/);
      expect(text).toContain(`: rank 0 (${zero}) cannot reach rank 1 (${one}): `);
      expect(text).not.toContain('rank 1 cannot reach');
      expect(code).toBe(1);
    }
  });

  it('end at once when they are told to', async () => {
    const all = await cutOff(60);
    const started = all.map(start);
    for (const { servers } of all.slice(0, 1)) await up(servers[0] ?? '');
    await sleep(500); // rank 0 tries to reach the other one, for 10 s
    const since = performance.now();
    for (const { child } of started) child.kill('SIGTERM');
    for (const { end } of started) expect((await end).code).toBe(143);
    expect(performance.now() - since).toBeLessThan(5000);
    expect((await Promise.all(started.map(({ end }) => end))).map(({ text }) => text)).toContain(
      'told to stop\n',
    );
  });
});

/** Waits until a server listens. */
async function up(address: string): Promise<void> {
  for (;;) {
    const socket = await dial(address, 'a test', 5).catch(() => undefined);
    socket?.destroy();
    if (socket !== undefined) return;
    await sleep(50);
  }
}
