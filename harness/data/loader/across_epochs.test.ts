import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { sourceSpec, viewSpec } from '../spec.ts';
import type { Batch } from './batch.ts';
import { base, hashOf } from './loader.fixture.ts';
import { Loader, type LoaderSetup } from './loader.ts';
import { epochOrder } from './order.ts';

const folder = mkdtempSync(join(tmpdir(), 'across-'));
afterAll(() => rmSync(folder, { recursive: true }));

const COUNT = 22;
const small: LoaderSetup = {
  ...base,
  spec: sourceSpec.parse({ kind: 'generated', count: COUNT, size: 8 }),
  pipelines: [viewSpec.parse([{ kind: 'randomResizedCrop' }, { kind: 'flip' }])],
  size: 8,
};
const STEPS = 3; // 11 images a replica

let logs = 0;
/** A loader, and the images that it has read. */
async function watched(options: Partial<LoaderSetup> = {}) {
  const log = join(folder, `${logs++}`);
  writeFileSync(log, '');
  const data = `${options.data ?? ''} log=${log}`;
  const loader = await Loader.open({ ...small, ...options, data });
  return { loader, read: () => readFileSync(log, 'utf8').split('\n').slice(0, -1).map(Number) };
}

/** Some batches of an epoch, which is left after them. */
async function take(loader: Loader, ...of: Parameters<Loader['epoch']>): Promise<string[]> {
  const hashes: string[] = [];
  for await (const batch of loader.epoch(...of)) hashes.push(hashOf([batch]));
  return hashes;
}

/** All of an epoch as a run takes it, which does not ask for more after the last batch. */
async function through(loader: Loader, ...of: Parameters<Loader['epoch']>): Promise<string[]> {
  const hashes: string[] = [];
  const batches = loader.epoch(...of);
  while (hashes.length < loader.stepsPerEpoch - (of[1] ?? 0)) {
    const { value } = await batches.next();
    hashes.push(hashOf([value]));
  }
  await batches.return?.();
  return hashes;
}

/** What a loader of its own gives. */
async function alone(epoch: number): Promise<string[]> {
  const loader = await Loader.open(small);
  const hashes = await take(loader, epoch);
  await loader.dispose();
  return hashes;
}
const EPOCHS = 4;
const expected = await Promise.all(Array.from({ length: EPOCHS }, (_, epoch) => alone(epoch)));

const padded = COUNT; // images that an epoch reads

describe('the first batches of the next epoch', () => {
  it.each([
    [0, 1],
    [2, 3],
  ])('are made when one ends, with %i threads', async (workers, prefetch) => {
    const { loader, read } = await watched({ workers, prefetch });
    expect(await through(loader, 0, 0, undefined, 9)).toEqual(expected[0]);
    const ahead = Math.min(prefetch * 8, padded); // no more than within an epoch
    await expect.poll(() => read().length).toBe(padded + ahead);
    expect(await take(loader, 1, 0, undefined, 2)).toEqual(expected[1]);
    expect([...read()].sort()).toHaveLength(2 * padded); // none was made twice
    expect(await take(loader, 2)).toEqual(expected[2]);
    await loader.dispose();
    expect(read()).toHaveLength(3 * padded);
  });

  it('are not made where nobody said that it comes, or its order is not known', async () => {
    const { loader, read } = await watched();
    await through(loader, 0);
    const given = Int32Array.from({ length: COUNT }, (_, i) => i);
    await through(loader, 1, 0, given, 2);
    await new Promise((resolve) => setImmediate(resolve));
    expect(read()).toHaveLength(2 * padded);
    await loader.dispose();
  });

  it('may be those of several epochs, where they are short', async () => {
    const short = { replicas: 1, batch: COUNT };
    const one = await Loader.open({ ...small, ...short });
    const each = [];
    for (let epoch = 0; epoch < 6; epoch++) each.push(...(await take(one, epoch)));
    await one.dispose();
    const { loader, read } = await watched({ ...short, workers: 2 });
    const found = await through(loader, 0, 0, undefined, 6);
    await expect.poll(() => read().length).toBe(4 * COUNT); // the one taken, and three ahead
    for (let epoch = 1; epoch < 6; epoch++)
      found.push(...(await through(loader, epoch, 0, undefined, 6)));
    expect(found).toEqual(each);
    await loader.dispose();
    expect(read()).toHaveLength(6 * COUNT);
  });

  it.each([0, 2])(
    'fail their own epoch where an image is damaged (%i threads)',
    async (workers) => {
      const drawn = { ...small, replacement: true };
      const [before, after] = [0, 1].map((epoch) => new Set(epochOrder(drawn, COUNT, epoch)));
      const bad = [...(after ?? [])].find((index) => !before?.has(index));
      const { loader } = await watched({ replacement: true, workers, data: `bad=${bad}` });
      expect(await through(loader, 0, 0, undefined, 3)).toHaveLength(STEPS);
      await expect(take(loader, 1, 0, undefined, 3)).rejects.toThrow(`image ${bad}: truncated`);
      expect(await through(loader, 0, 0, undefined, 3)).toHaveLength(STEPS);
      await loader.dispose(); // with the damaged one being made: no error, nobody asked for it
    },
  );
});

it('whatever is asked for after whatever, it has the same bits', async () => {
  const asked = fc.record({
    epoch: fc.integer({ min: 0, max: EPOCHS - 1 }),
    follows: fc.boolean(), // the epoch after the last one, instead
    from: fc.integer({ min: 0, max: STEPS - 1 }),
    taken: fc.integer({ min: 0, max: STEPS }),
    until: fc.integer({ min: 0, max: EPOCHS + 1 }),
  });
  const all = fc.asyncProperty(fc.array(asked, { maxLength: 8 }), async (sequence) => {
    const loader = await Loader.open({ ...small, prefetch: 2 });
    let last = -1;
    for (const { epoch: any, follows, from: some, taken, until } of sequence) {
      const epoch = follows && last + 1 < EPOCHS ? last + 1 : any;
      const from = follows ? 0 : some;
      last = epoch;
      const batches = loader.epoch(epoch, from, undefined, until);
      for (let step = from; step < Math.min(STEPS, from + taken); step++)
        expect(hashOf([(await batches.next()).value])).toBe(expected[epoch]?.[step]);
      await batches.return?.();
    }
    await loader.dispose();
  });
  await fc.assert(all, { seed: 3, numRuns: 60 });
});

describe('the replicas of a process', () => {
  const whole = { ...small, replicas: 3, pipelines: [...small.pipelines, ...small.pipelines] };
  const STEPS_OF_3 = 2; // of 8 images, the last one short: 4 and 4

  it.each([
    [0, 1, 0],
    [1, 2, 0],
    [2, 1, 2],
    [0, 3, 0],
  ])(
    '%i and on, %i of them, with %i threads: no other image is read',
    async (first, count, workers) => {
      const all: Batch[] = [];
      const one = await Loader.open({ ...whole, batch: 5, chance: true });
      for await (const batch of one.epoch(1))
        all.push({ ...batch, views: batch.views.map((view) => view.slice()) });
      await one.dispose();
      expect(all.map(({ indices }) => indices.length)).toEqual([15, 9]);
      expect(all).toHaveLength(STEPS_OF_3);
      const own = { first, count };
      const { loader, read } = await watched({ ...whole, batch: 5, chance: true, own, workers });
      const seen: number[] = [];
      let step = 0;
      for await (const { views, own: part, indices, ...rest } of loader.epoch(1)) {
        const { views: theirs, indices: samples, ...others } = all[step++] as Batch;
        const each = samples.length / 3;
        const block = samples.slice(first * each, (first + count) * each);
        seen.push(...block);
        expect(part).toEqual(count === 3 ? undefined : block);
        expect({ indices, ...rest }).toEqual({ indices: samples, ...others });
        const bytes = 8 * 8 * 3 * each;
        views.forEach((view, v) => {
          const expectedView = theirs[v]?.subarray(first * bytes, (first + count) * bytes);
          expect(Buffer.compare(view, expectedView ?? new Uint8Array())).toBe(0);
        });
        expect(views).toHaveLength(2);
      }
      await loader.dispose();
      expect(read().sort()).toEqual(seen.sort());
      const bare = [...loader.bare(1)].map((batch) => batch.own ?? batch.indices);
      expect(bare.flatMap((indices) => [...indices]).sort()).toEqual(seen);
    },
  );

  it('are a block of them', async () => {
    for (const own of [
      { first: -1, count: 2 },
      { first: 0, count: 0 },
      { first: 2, count: 2 },
    ])
      await expect(Loader.open({ ...whole, own })).rejects.toThrow(/of 3 are no block/);
  });
});
