import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { endAll, joinAll, places } from './group.fixture.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('processes of a run', () => {
  it('have what all handed in, by rank, those above 9 too', async () => {
    const groups = await joinAll(await places(11));
    const answers = await Promise.all(groups.map((group) => group.exchange('rank', group.rank)));
    for (const answer of answers) expect(answer).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const said = await Promise.all(
      groups.map((group) => group.broadcast('said', { rank: group.rank })),
    );
    expect(said).toEqual(groups.map(() => ({ rank: 0 })));
    expect(await endAll(groups, 3)).toEqual(groups.map(() => 3));
  });

  it('hand each other bytes, which then are their own', async () => {
    const groups = await joinAll(await places(3));
    const own = [new Uint8Array(0), randomBytes(70_000), randomBytes(1)];
    const all = await Promise.all(
      groups.map((group) => group.gather('rows', own[group.rank] ?? new Uint8Array(0))),
    );
    for (const parts of all) expect(parts.map(sha256)).toEqual(own.map(sha256));
    all[0]?.[1]?.fill(0);
    for (const parts of all.slice(1)) expect(parts.map(sha256)).toEqual(own.map(sha256));
    await endAll(groups);
  });

  it('hand each other 200 MB', async () => {
    const groups = await joinAll(await places(2));
    const big = new Uint8Array(200e6);
    for (let at = 0; at < big.length; at += 4096) big[at] = at / 4096;
    const [zero, one] = await Promise.all([
      groups[0]?.gather('features', new Uint8Array(1)),
      groups[1]?.gather('features', big),
    ]);
    expect([zero?.[1], one?.[1]].map((part) => part !== undefined && sha256(part))).toEqual([
      sha256(big),
      sha256(big),
    ]);
    await endAll(groups);
  });

  it('answer calls of one process in its order', async () => {
    const groups = await joinAll(await places(2));
    const answers = await Promise.all(
      groups.map((group) =>
        Promise.all(Array.from({ length: 20 }, (_, i) => group.exchange(`call ${i}`, i))),
      ),
    );
    for (const answer of answers)
      expect(answer).toEqual(Array.from({ length: 20 }, (_, i) => [i, i]));
    await endAll(groups);
  });

  it('are told both names where they come to different calls, and may go on', async () => {
    const groups = await joinAll(await places(3));
    const calls = await Promise.allSettled(
      groups.map((group) =>
        group.rank === 1 ? group.gather('rows', new Uint8Array(1)) : group.exchange('loss', 1),
      ),
    );
    for (const call of calls)
      expect(call.status === 'rejected' && call.reason.message).toBe(
        'the processes of the run part: ranks 0 and 2 at exchange "loss", rank 1 at gather "rows"; all must come to the same calls in the same order',
      );
    expect(await Promise.all(groups.map((group) => group.exchange('again', group.rank)))).toEqual(
      groups.map(() => [0, 1, 2]),
    );
    await endAll(groups);
  });

  it('are told on all what differs, and on which ranks', async () => {
    const groups = await joinAll(await places(4));
    const facts = { library: 'tf 2.21', code: 'aa', data: 'bb' };
    await Promise.all(groups.map((group) => group.compare(facts)));
    const calls = await Promise.allSettled(
      groups.map((group) =>
        group.compare({
          ...facts,
          ...(group.rank === 2 ? { code: 'ab', seed: '1' } : {}),
        }),
      ),
    );
    for (const call of calls)
      expect(call.status === 'rejected' && `${call.reason}`).toBe(
        'UserError: the processes of the run differ; start all from the same checkout, library, experiment and data:\n' +
          '  code: ranks 0, 1 and 3: aa; rank 2: ab\n  seed: ranks 0, 1 and 3: has none; rank 2: 1',
      );
    await endAll(groups);
  });

  it('stop when one of them was told to', async () => {
    const groups = await joinAll(await places(3));
    const [zero, , two] = groups;
    expect(zero?.stopAsked.aborted).toBe(false);
    two?.askToStop();
    await vi.waitFor(() => expect(zero?.stopAsked.aborted).toBe(true), 20_000);
    await endAll(groups);
  });

  it('hear what one of them fails by, once', async () => {
    const all = await places(3);
    const heard: string[] = [];
    const groups = await joinAll(all, {
      onFailure: ({ rank, address, why }) => void heard.push(`rank ${rank} (${address}): ${why}`),
    });
    const waiting = [groups[0]?.exchange('step', 1), groups[1]?.exchange('step', 1)];
    const text = `rank 2 (${all[2]?.servers[2]}): the disk is full`;
    const rejected = Promise.all(waiting.map((call) => expect(call).rejects.toThrow(text)));
    await groups[2]?.fail('the disk is full');
    await rejected;
    expect(heard).toEqual([text, text]);
    await expect(groups[1]?.exchange('later', 1)).rejects.toThrow(text);
  });

  it('hear what rank 0 fails by', async () => {
    const heard: string[] = [];
    const groups = await joinAll(await places(3), {
      onFailure: ({ rank, why }) => void heard.push(`rank ${rank}: ${why}`),
    });
    await groups[0]?.fail('no memory is left');
    await vi.waitFor(
      () => expect(heard).toEqual(['rank 0: no memory is left', 'rank 0: no memory is left']),
      20_000,
    );
  });

  it('need no others where there is one', async () => {
    const [group] = await joinAll(await places(1));
    expect(await group?.exchange('a', { b: 1 })).toEqual([{ b: 1 }]);
    expect(await group?.gather('a', Uint8Array.of(7))).toEqual([Uint8Array.of(7)]);
    group?.askToStop();
    expect(group?.stopAsked.aborted).toBe(true);
    await group?.end(4);
    expect(await group?.ended).toBe(4);
  });
});
