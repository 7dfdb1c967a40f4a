import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { stream } from '../../random/stream.ts';
import { openSource } from '../../testing/source.ts';
import { applyView } from '../images/change.ts';
import { sampleViews } from '../images/pipeline.ts';
import { viewSpec } from '../spec.ts';
import type { Batch } from './batch.ts';
import { base, hashOf, opener, pipeline } from './loader.fixture.ts';
import { Loader, type LoaderSetup } from './loader.ts';
import { orderedImages } from './ordered_images.ts';

const OFFICIAL = new URL('../open_source.ts', import.meta.url).href;

function copy({ views, indices, draws }: Batch): Batch {
  return { views: views.map((view) => view.slice()), indices, draws };
}

async function epochOf(setup: LoaderSetup, epoch = 0, fromStep = 0): Promise<Batch[]> {
  const loader = await Loader.open(setup);
  try {
    const batches: Batch[] = [];
    for await (const batch of loader.epoch(epoch, fromStep)) batches.push(copy(batch));
    return batches;
  } finally {
    await loader.dispose();
  }
}

it('says labels and keys of chance where they are asked for', async () => {
  const plain = await epochOf(base, 1);
  expect(plain[0]).not.toHaveProperty('labels');
  const loader = await Loader.open({
    ...base,
    opener: OFFICIAL,
    labels: true,
    chance: true,
  });
  const keys: string[] = [];
  for (const from of [0, 2])
    for await (const { labels, chance, indices } of loader.epoch(1, from)) {
      expect([...(labels ?? [])]).toEqual([...indices].map((i) => loader.source.labels?.[i]));
      keys.push(String(chance));
    }
  expect(new Set(keys).size).toBe(loader.stepsPerEpoch);
  expect(keys.slice(loader.stepsPerEpoch)).toEqual(keys.slice(2, loader.stepsPerEpoch));
  await loader.dispose();
});

describe('batches', () => {
  it('have the same bits whatever the workers, the prefetch and the first step', async () => {
    const whole = await epochOf(base, 3);
    expect(whole).toHaveLength(5); // 19 images a replica, 4 a step
    const expected = hashOf(whole);
    for (const [workers, prefetch] of [
      [0, 1],
      [1, 0],
      [2, 3],
      [3, 1],
    ] as const)
      expect(hashOf(await epochOf({ ...base, workers, prefetch }, 3))).toBe(expected);
    expect(hashOf(await epochOf({ ...base, workers: 2 }, 3, 2))).toBe(hashOf(whole.slice(2)));
    expect(hashOf(await epochOf(base, 4))).not.toBe(expected);
  });

  it('give each replica a block of the permutation, padded by its first samples', async () => {
    const order = stream(5, 'order', 0).permutation(37);
    const padded = [...order, order[0]];
    const batches = await epochOf(base);
    const of = (replica: number) =>
      batches.flatMap(({ indices }) => {
        const each = indices.length / 2;
        return [...indices.subarray(replica * each, (replica + 1) * each)];
      });
    expect(of(0)).toEqual(padded.slice(0, 19));
    expect(of(1)).toEqual(padded.slice(19));
    expect(batches.map(({ indices }) => indices.length)).toEqual([8, 8, 8, 8, 6]);
    expect(batches.at(-1)?.views.map((view) => view.length)).toEqual([6 * 432, 6 * 432]);
    batches.forEach(({ draws, indices }, step) => {
      const expected = stream(5, 'draw', 'shuffle', 0, step).permutation(indices.length);
      expect(draws).toEqual({ shuffle: expected });
    });
  });

  it('leave a short last step out on request', async () => {
    const loader = await Loader.open({ ...base, dropLast: true });
    expect(loader.stepsPerEpoch).toBe(4);
    await expect(Loader.open({ ...base, dropLast: true, batch: 20 })).rejects.toThrow(
      'no full batch: 37 images make 19 for each of 2 replicas, batch is 20; use a batch of at most 19',
    );
  });

  it('draw samples with replacement on request', async () => {
    const draw = stream(5, 'order', 1);
    const drawn = Array.from({ length: 37 }, () => draw.int(0, 36));
    const batches = await epochOf({ ...base, replicas: 1, replacement: true }, 1);
    expect(batches.flatMap(({ indices }) => [...indices])).toEqual(drawn);
  });

  it('hold the views that each sample has alone', async () => {
    const source = await openSource(base.spec, { data: '' });
    for (const [step, { indices, views }] of (await epochOf(base, 2)).entries()) {
      for (const [at, index] of indices.entries()) {
        const picture = await source.read(index);
        views.forEach((view, v) => {
          const changes = sampleViews(
            pipeline,
            stream(5, 'augment', 2, index, v),
            picture,
            12,
          ).changes;
          const alone = applyView(picture, changes).pixels;
          const made = view.subarray(at * alone.length, (at + 1) * alone.length);
          expect(Buffer.compare(made, alone), `step ${step}, image ${index}`).toBe(0);
        });
      }
    }
  });

  it('keep their bytes until the second request after', async () => {
    const loader = await Loader.open({ ...base, workers: 2, prefetch: 1 });
    const kept: { batch: Batch; bytes: Batch }[] = [];
    for (const epoch of [0, 1]) {
      for await (const batch of loader.epoch(epoch)) {
        kept.push({ batch, bytes: copy(batch) });
        for (const { batch, bytes } of kept.slice(-2))
          expect(hashOf([batch])).toBe(hashOf([bytes]));
        if (epoch === 0 && kept.length === 2) break; // leaving an epoch early must not spoil them
      }
    }
    expect(kept).toHaveLength(7);
    await loader.dispose();
  });
});

describe('a thread', () => {
  it.each([0, 1, 3])(
    'that meets a bad sample: the first one is named (%i workers)',
    async (workers) => {
      const setup = { ...base, data: 'bad=30,3,17', workers };
      const order = [...stream(5, 'order', 0).permutation(37)];
      const batches = Array.from({ length: 5 }, (_, s) => [
        ...order.slice(s * 4, Math.min(19, s * 4 + 4)),
        ...[...order, order[0]].slice(19 + s * 4, Math.min(38, 23 + s * 4)),
      ]);
      const first = batches.flat().find((index) => [30, 3, 17].includes(index ?? -1));
      await expect(epochOf(setup)).rejects.toThrow(`image ${first}: truncated`);
    },
  );

  it('that ends is an error, not a hang', async () => {
    await expect(epochOf({ ...base, data: 'exit=5', workers: 2 })).rejects.toThrow(
      'loader: a thread ended with code 7',
    );
  });

  it('that cannot open the source says why', async () => {
    await expect(epochOf({ ...base, data: 'closed', workers: 1 })).rejects.toThrow(
      'closed: cannot be opened',
    );
  });

  it('does not wait for a reader that has left', async () => {
    const loader = await Loader.open({ ...base, workers: 1 });
    const epoch = loader.epoch(0);
    await epoch.next();
    await expect(loader.epoch(1).next()).rejects.toThrow('epoch 1 begins while another one runs');
    await epoch.return?.();
    const { value } = await loader.epoch(1).next();
    await loader.dispose();
    await expect(loader.epoch(1).next()).rejects.toThrow();
    expect(value.indices).toHaveLength(8);
  });
});

describe('ordered images', () => {
  it('come in order, the last batch short, the same with any workers', async () => {
    const pipeline = viewSpec.parse([{ kind: 'resize', size: 12 }, { kind: 'centerCrop' }]);
    const { spec, data, size } = base;
    const all = async (workers: number, batch: number) => {
      const seen: number[] = [];
      const hash = createHash('sha256');
      const setup = { spec, data, size, pipeline, batch, workers, opener };
      for await (const { images, count, first } of orderedImages(setup)) {
        expect(images.length).toBe(count * size * size * 3);
        seen.push(...Array.from({ length: count }, (_, i) => first + i));
        hash.update(images);
      }
      expect(seen).toEqual(Array.from({ length: 37 }, (_, i) => i));
      return hash.digest('hex');
    };
    const expected = await all(0, 37);
    expect(await all(2, 10)).toBe(expected);
    expect(await all(1, 5)).toBe(expected);
  });
});
