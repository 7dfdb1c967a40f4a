import type { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { freePorts } from '../../launch/ports.ts';
import type { Place } from '../place.ts';
import { newSecret } from '../secret.ts';
import { listenAtMeeting, listening, troubleOf } from './ports.ts';

const MOMENT = 600; // milliseconds: longer than one pause between attempts, far below the patience

/** A place whose two ports somebody has already. */
async function busyPlace(): Promise<{ place: Place; busy: readonly Server[] }> {
  const [meeting = 0, port = 0] = await freePorts(2);
  const busy = await Promise.all([meeting, port].map((port) => listening({ port })));
  const place = {
    rank: 0,
    servers: [`127.0.0.1:${port}`, '127.0.0.1:9'],
    meeting: `127.0.0.1:${meeting}`,
    timeoutSeconds: 60,
    secret: newSecret(),
  };
  return { place, busy };
}

const freed = (busy: readonly Server[]) => {
  for (const server of busy) server.close();
};

it('a port that is in use for a moment keeps nobody out', async () => {
  const { place, busy } = await busyPlace();
  const [trouble, meeting] = await Promise.all([
    troubleOf(place),
    listenAtMeeting(place),
    sleep(MOMENT).then(() => freed(busy)),
  ]);
  meeting.close();
  expect(trouble).toBeUndefined();
});

it('a port that stays in use does, and the patience is at most half the time-out', async () => {
  const { place, busy } = await busyPlace();
  try {
    const start = performance.now();
    const [trouble] = await Promise.all([
      troubleOf({ ...place, timeoutSeconds: 1 }),
      expect(listenAtMeeting({ ...place, timeoutSeconds: 1 })).rejects.toThrow('is in use by'),
    ]);
    expect(trouble).toContain('is in use by another program');
    expect(performance.now() - start).toBeGreaterThan(400);
  } finally {
    freed(busy);
  }
});
