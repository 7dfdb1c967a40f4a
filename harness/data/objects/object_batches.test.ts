import { setImmediate } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { Canvas } from '../images/canvas.ts';
import { type Batch, inputName } from '../loader/batch.ts';
import { PictureDraws } from './draw_change.ts';
import { ObjectBatches } from './object_batches.ts';
import { type TrainingPicture, testPicture } from './object_pictures.ts';
import { objectSpec } from './object_spec.ts';
import { openObjects } from './open_objects.ts';

const spec = objectSpec.parse({ kind: 'drawnObjects', count: 10, sides: [40, 60] });
const source = await openObjects(spec, { data: '' });
const draws = PictureDraws.parse({ shortEdges: [32, 48], longestEdge: 100 });

/** Batches, and the pictures that each replica's step was fed with, in order. */
function open(own?: { first: number; count: number }) {
  const fed: (readonly TrainingPicture[])[] = [];
  const batches = new ObjectBatches({
    ...{ source, draws, own, seed: 3, batch: 2, replicas: 2, stepsPerEpoch: 6 },
    feed: (pictures) => {
      fed.push(pictures);
      return {
        inputs: { indices: Int32Array.from(pictures, ({ index }) => index) },
        sizes: { count: pictures.length },
      };
    },
  });
  return { batches, fed };
}

async function all(batches: AsyncIterable<Batch>): Promise<Batch[]> {
  const made: Batch[] = [];
  for await (const batch of batches) made.push(batch);
  return made;
}

test('batches are of one shape of pictures, with their objects inside, and go on at any step', async () => {
  const { batches, fed } = open();
  const seen = [...(await all(batches.epoch(0))), ...(await all(batches.epoch(1)))];
  expect(seen.length).toBe(12);
  for (const [k, batch] of fed.entries()) {
    expect(batch.length).toBe(2);
    const wide = batch.map(({ index }) => source.image(index).width > source.image(index).height);
    expect(new Set(wide).size).toBe(1);
    for (const { place, picture, change, targets, index } of batch) {
      expect(place % 2).toBe(k % 2); // a replica takes every second place
      expect([picture.width, picture.height]).toEqual([change.toWidth, change.toHeight]);
      expect([32, 48]).toContain(Math.min(picture.width, picture.height));
      expect(targets.length).toBe(source.objects(index).length);
      for (const { box, polygons } of targets) {
        expect(Math.max(box[0], 0)).toBe(box[0]);
        expect(box[2]).toBeLessThanOrEqual(picture.width);
        expect(polygons.length).toBe(1);
      }
    }
  }
  expect(new Set(fed.flat().map(({ change }) => change.flip)).size).toBe(2);
  expect(await all(open().batches.epoch(1, 4))).toEqual(seen.slice(10));
});

test('a process reads the pictures of its own replicas, and knows which the others take', async () => {
  const whole = await all(open().batches.epoch(0));
  const part = await all(open({ first: 1, count: 1 }).batches.epoch(0));
  expect(part.map(({ indices }) => indices)).toEqual(whole.map(({ indices }) => indices));
  for (const [step, { inputs = {}, indices }] of part.entries()) {
    const name = inputName(1, 'indices');
    expect(inputs).toEqual({ [name]: whole[step]?.inputs?.[name] });
    expect(inputs[name]).toEqual(indices.slice(2));
  }
  expect([...open().batches.bare(0)].map(({ indices }) => indices)).toEqual(
    whole.map(({ indices }) => indices),
  );
});

test('the batch that follows is made while a step has the one before', async () => {
  const { batches, fed } = open();
  const each = batches.epoch(0);
  await each.next();
  expect(fed.length).toBe(2); // one of each replica
  await vi.waitUntil(() => fed.length === 4);
  await each.return?.();
  await setImmediate();
  expect(fed.length).toBe(4);
});

test('a picture that cannot be read is told to whoever asks for its batch, and to nobody else', async () => {
  const broken = (from: number) => {
    let read = 0;
    const own = {
      ...source,
      read: (index: number) =>
        ++read > from ? Promise.reject(new Error('not a picture')) : source.read(index),
    };
    const feed = () => ({ inputs: {}, sizes: {} });
    const setup = { source: own, draws, seed: 3, batch: 2, replicas: 1, stepsPerEpoch: 6, feed };
    return new ObjectBatches(setup).epoch(0);
  };
  await expect(broken(0).next()).rejects.toThrow('not a picture');
  const each = broken(2);
  expect((await each.next()).done).toBe(false);
  await expect(each.next()).rejects.toThrow('not a picture');
  const left = broken(2);
  await left.next();
  await setImmediate();
  await left.return?.(); // vitest fails where a rejection is left
});

test('pictures of a test are at one short side, not flipped', async () => {
  const canvas = new Canvas();
  for (let index = 0; index < source.count; index++) {
    const found = await testPicture(source, canvas, index, { short: 50, longest: 60 });
    expect(found.index).toBe(index);
    expect(found.change.flip).toBe(false);
    expect(Math.max(found.picture.width, found.picture.height)).toBeLessThanOrEqual(60);
  }
});
