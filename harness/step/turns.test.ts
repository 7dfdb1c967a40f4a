import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../base/index.ts';
import { endAll, joinAll, places } from '../cluster/group.fixture.ts';
import type { Group } from '../cluster/group.ts';
import { ImageError } from '../data/loader/image_error.ts';
import { Stopped } from './stopped.ts';
import { type BatchRows, inTurns, type TurnSetup } from './turns.ts';

/** Rows of a batch: as many values as it says, none alike. */
function rowsOf(batch: number): Float32Array {
  return Float32Array.from({ length: 1 + (batch % 3) }, (_, i) => batch + i / 8);
}

/** Groups of 1 to 5 processes, by their number less one. */
const all = await Promise.all(
  [1, 2, 3, 4, 5].map(async (processes) => joinAll(await places(processes))),
);
afterAll(async () => {
  for (const groups of all) await endAll(groups);
});

/** What every party finds, and what it computed itself. */
async function parties(
  processes: number,
  batches: number,
  spoil: (batch: number, rank: number) => void = () => {},
  signals: readonly (AbortSignal | undefined)[] = [],
) {
  const groups = all[processes - 1] ?? [];
  const computed: number[][] = groups.map(() => []);
  const calls: string[] = [];
  const found = groups.map(async (party) => {
    const { rank } = party;
    const gather: Group['gather'] = (name, bytes) => {
      if (rank === 0) calls.push(name);
      return party.gather(name, bytes);
    };
    const group = { rank, processes, gather };
    const own = async function* () {
      for (let batch = rank; batch < batches; batch += processes) {
        spoil(batch, rank);
        computed[rank]?.push(batch);
        yield rowsOf(batch);
      }
    };
    const signal = signals[rank];
    const setup: TurnSetup = { group, name: 'rows', batches, signal };
    const rows: BatchRows[] = [];
    try {
      for await (const one of inTurns(setup, own())) rows.push(one);
    } catch (error) {
      return { rows, error };
    }
    return { rows };
  });
  return { computed, calls, results: await Promise.all(found) };
}

it('all come to all, each from one process, in order', async () => {
  const counts = { processes: fc.integer({ min: 1, max: 5 }), batches: fc.nat(12) };
  await fc.assert(
    fc.asyncProperty(fc.record(counts), async ({ processes, batches }) => {
      const { computed, results, calls } = await parties(processes, batches);
      const expected = Array.from({ length: batches }, (_, b) => ({ batch: b, rows: rowsOf(b) }));
      for (const { rows, error } of results) expect([rows, error]).toEqual([expected, undefined]);
      expect(computed.flat().sort((a, b) => a - b)).toEqual(expected.map(({ batch }) => batch));
      expect(calls).toHaveLength(processes === 1 ? 0 : Math.ceil(batches / processes));
    }),
    { seed: 1 },
  );
});

describe('what ends one ends all, at the same batch', () => {
  const reason = new Error('by the user');
  const stop = new AbortController();
  stop.abort(reason);
  it.each<[string, number, unknown, unknown]>([
    ['an image', 7, new ImageError('image 7: truncated'), new ImageError('image 7: truncated')],
    ['a user’s error', 4, new UserError('no'), new UserError('no')],
    ['a stop', 0, new Stopped('stopped'), new Stopped('stopped')],
    ['a signal', 3, reason, new Stopped('by the user')],
    ['a fault', 5, new TypeError('x is undefined'), new Error('x is undefined')],
  ])('%s', async (_, bad, thrown, heard) => {
    const processes = 3;
    const rank = bad % processes;
    const signals = [0, 1, 2].map((r) => (r === rank ? stop.signal : undefined));
    const spoil = (batch: number) => {
      if (batch === bad) throw thrown;
    };
    const { results, computed } = await parties(processes, 20, spoil, signals);
    results.forEach(({ rows, error }, r) => {
      expect(rows.map(({ batch }) => batch)).toEqual(
        Array.from({ length: bad - rank }, (_, batch) => batch),
      );
      if (r === rank) expect(error).toBe(thrown);
      else expect(error).toStrictEqual(heard);
    });
    for (const own of computed) expect(own.length).toBeLessThanOrEqual(bad / processes + 2);
  });

  it('the first of several images is named', async () => {
    const spoil = (batch: number) => {
      if (batch > 5) throw new ImageError(`image ${batch}`);
    };
    for (const { error } of (await parties(4, 9, spoil)).results)
      expect(error).toEqual(new ImageError('image 6'));
  });
});

it('a process that makes too few is an error on all', async () => {
  const [, groups = []] = all;
  const none = async function* (): AsyncGenerator<Float32Array> {};
  const found = groups.map(async (group) => {
    for await (const _ of inTurns({ group, name: 'rows', batches: 3 }, none()));
  });
  for (const { status } of await Promise.allSettled(found)) expect(status).toBe('rejected');
});
