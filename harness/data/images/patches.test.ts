import { describe, expect, it } from 'vitest';
import { UserError } from '../../base/errors.ts';
import { parse } from '../../base/parse.ts';
import { stream } from '../../random/stream.ts';
import { openSource } from '../../testing/source.ts';
import { Loader } from '../loader/loader.ts';
import { sourceSpec, viewSpec } from '../spec.ts';
import { viewCount } from '../view_count.ts';
import { Canvas } from './canvas.ts';
import { type Image, image } from './image.ts';
import { applyViews, sampleViews } from './pipeline.ts';
import { showSample } from './sheet.ts';

const original = viewSpec.parse([{ kind: 'patches' }]);
const draws = (index: number) => stream(3, 'augment', 0, index, 0);

/** An image whose red and green are the place of a pixel. */
function map(width: number, height: number): Image {
  const made = image(width, height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) made.pixels.set([x, y, 7], (y * width + x) * 3);
  return made;
}

describe('patches', () => {
  // docs/reference/methods.md, section 4
  it('lie in their cells, 85 x 85, at offsets of 0 to 21 drawn for each axis', () => {
    const size = { width: 255, height: 255 };
    const all = Array.from(
      { length: 1000 },
      (_, i) => sampleViews(original, draws(i), size, 64).patches ?? [],
    );
    const offsets = all.flatMap((boxes) =>
      boxes.flatMap(({ left, top }, cell) => [
        left - 85 * (cell % 3),
        top - 85 * Math.floor(cell / 3),
      ]),
    );
    expect(offsets.length).toBe(18_000);
    const counts = Array.from({ length: 22 }, (_, o) => offsets.filter((x) => x === o).length);
    expect(counts.reduce((a, b) => a + b)).toBe(18_000);
    const expected = 18_000 / 22;
    for (const count of counts)
      expect(Math.abs(count - expected)).toBeLessThan(4.5 * Math.sqrt(expected));
    // Neighbours and axes are drawn apart: offsets agree as often as chance has it.
    const same = all.filter(([a, b]) => a?.top === b?.top).length;
    expect(Math.abs(same - 1000 / 22)).toBeLessThan(4.5 * Math.sqrt(1000 / 22));
  });

  it('are cut from what the operations before made, once, by the kernels as plainly', () => {
    const spec = viewSpec.parse([
      { kind: 'resize', size: 48 },
      { kind: 'randomCrop', size: 45 },
      { kind: 'grayscale', p: 0.5 },
      { kind: 'flip' },
      { kind: 'patches', jitter: 4 },
    ]);
    const canvas = new Canvas();
    for (let i = 0; i < 50; i++) {
      const picture = map(60 + (i % 5), 90 - i);
      const sampled = sampleViews(spec, draws(i), picture, 10);
      const expected = applyViews(picture, sampled);
      const to = expected.map(({ pixels }) => new Uint8Array(pixels.length));
      canvas.open(picture);
      canvas.patches(sampled.changes, sampled.patches ?? [], to);
      expect(to).toEqual(expected.map(({ pixels }) => pixels));
    }
  });

  it('show the pixels of their boxes', () => {
    const sampled = sampleViews(original, draws(0), { width: 255, height: 255 }, 64);
    const views = applyViews(map(255, 255), sampled);
    expect(views.map(({ width, height }) => [width, height])).toEqual(Array(9).fill([64, 64]));
    views.forEach(({ pixels }, cell) => {
      const { left, top } = sampled.patches?.[cell] ?? { left: -1, top: -1 };
      expect([...pixels.subarray(0, 3)]).toEqual([left, top, 7]);
      expect([...pixels.subarray(-3)]).toEqual([left + 63, top + 63, 7]);
    });
  });

  it('need an image that holds their grid', () => {
    const sample = (width: number, height: number) => () =>
      sampleViews(original, draws(0), { width, height }, 64);
    expect(sample(254, 300)).toThrow(UserError);
    expect(sample(300, 254)).toThrow(
      'the image is 300 x 254 pixels where patches are cut; 3 x 3 cells for patches of 64 and a ' +
        'jitter of 21 need 255 along each side',
    );
    expect(sample(255, 255)).not.toThrow();
  });

  it('end a pipeline', () => {
    const between = [{ kind: 'patches' }, { kind: 'flip' }];
    expect(() => parse(viewSpec, between, 'data.pipelines[0]')).toThrow(
      'data.pipelines[0]: [0].kind: expected patches at the end of the pipeline',
    );
    expect(viewCount([original, viewSpec.parse([{ kind: 'flip' }]), original])).toBe(19);
  });
});

describe('batches of patches', () => {
  const opener = new URL('../../testing/source.ts', import.meta.url).href;
  const patches = viewSpec.parse([{ kind: 'flip' }, { kind: 'patches', grid: 2, jitter: 3 }]);
  const whole = viewSpec.parse([{ kind: 'randomResizedCrop' }]);
  const setup = {
    spec: sourceSpec.parse({ kind: 'generated', count: 12, size: 16 }),
    data: '',
    seed: 5,
    pipelines: [patches, whole],
    size: 5,
    replicas: 1,
    batch: 4,
    dropLast: true,
    replacement: false,
    draws: [],
    opener,
  };

  it.each([0, 2])('hold every view of every sample, with %i threads', async (workers) => {
    const source = await openSource(setup.spec, { data: '' });
    const loader = await Loader.open({ ...setup, workers });
    try {
      for await (const { views, indices } of loader.epoch(1)) {
        expect(views.map(({ length }) => length)).toEqual(Array(5).fill(4 * 75));
        for (const [at, index] of indices.entries()) {
          const picture = await source.read(index);
          const alone = [patches, whole].flatMap((pipeline, p) => {
            const from = stream(5, 'augment', 1, index, p);
            return applyViews(picture, sampleViews(pipeline, from, picture, 5));
          });
          const found = views.map((view) => [...view.subarray(at * 75, (at + 1) * 75)]);
          expect(found).toEqual(alone.map(({ pixels }) => [...pixels]));
        }
      }
    } finally {
      await loader.dispose();
    }
  });

  it('name the sample that is too small', async () => {
    const loader = await Loader.open({ ...setup, size: 14, workers: 0 });
    await expect(loader.epoch(0).next()).rejects.toThrow(
      /^image \d+: the image is \d+ x \d+ pixels/,
    );
    await loader.dispose();
  });

  it('are shown one by one', async () => {
    const source = await openSource(setup.spec, { data: '' });
    const { views } = await showSample(source, 3, [0], setup);
    expect(views.map(({ view }) => view)).toEqual([0, 1, 2, 3, 4]);
    expect(views.map(({ picture }) => [picture.width, picture.height])).toEqual(
      Array(5).fill([5, 5]),
    );
    for (const { changes } of views.slice(0, 4))
      expect(changes.at(-1)).toMatchObject({ kind: 'crop', width: 5, height: 5 });
  });
});
