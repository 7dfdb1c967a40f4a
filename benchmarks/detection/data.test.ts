import { expect, test } from 'vitest';
import { PictureDraws } from '../../harness/data/objects/draw_change.ts';
import { objectSpec } from '../../harness/data/objects/object_spec.ts';
import { openObjects } from '../../harness/data/objects/open_objects.ts';
import { testPictures, trainingBatches } from './data.ts';

const spec = objectSpec.parse({ kind: 'drawnObjects', count: 10, sides: [40, 60] });
const source = await openObjects(spec, { data: '' });
const draws = PictureDraws.parse({ shortEdges: [32, 48], longestEdge: 100 });
const setup = { seed: 3, batch: 2, replicas: 2 };

test('batches are of one shape of pictures, with their objects inside, and go on at any step', async () => {
  const batches = trainingBatches(source, draws, setup, 1);
  const seen = [];
  for (let step = 0; step < 12; step++) seen.push((await batches.next()).value);
  for (const batch of seen) {
    expect(batch.length).toBe(2);
    const wide = batch.map(({ index }) => source.image(index).width > source.image(index).height);
    expect(new Set(wide).size).toBe(1);
    for (const { place, picture, change, targets, index } of batch) {
      expect(place % 2).toBe(1);
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
  expect(new Set(seen.flat().map(({ change }) => change.flip)).size).toBe(2);
  expect((await trainingBatches(source, draws, setup, 1, 9).next()).value).toEqual(seen[9]);
});

test('pictures of a test come in order, at one short side, not flipped', async () => {
  const found = [];
  for await (const one of testPictures(source, 50, 60)) found.push(one);
  expect(found.map(({ index }) => index)).toEqual([...Array(10).keys()]);
  for (const { change, picture } of found) {
    expect(change.flip).toBe(false);
    expect(Math.max(picture.width, picture.height)).toBeLessThanOrEqual(60);
  }
});
