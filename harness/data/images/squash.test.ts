import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { stream } from '../../random/stream.ts';
import { viewSpec } from '../spec.ts';
import { Canvas } from './canvas.ts';
import { type Image, image } from './image.ts';
import { applyViews, sampleViews } from './pipeline.ts';

const Fixture = z.looseObject({
  shorter: z.number(),
  side: z.number(),
  cases: z.array(
    z.strictObject({
      width: z.number(),
      height: z.number(),
      interpolation: z.enum(['bilinear', 'bicubic']),
      kind: z.enum(['squash', 'centerCrop']),
      pixels: z.string(),
    }),
  ),
});
const file = new URL('../../../golden/views/squash.json', import.meta.url);
const { shorter, side, cases } = Fixture.parse(JSON.parse(readFileSync(file, 'utf8')));

/** The pixels of tools/torch/squash_fixtures.py. */
function source(width: number, height: number): Image {
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, at) => {
    const [c, x, y] = [at % 3, Math.floor(at / 3) % width, Math.floor(at / 3 / width)];
    return (x * (3 + c) + y * (5 + 2 * c) + ((x * y) >> 2) * 7) % 256;
  });
  return image(width, height, pixels);
}

it.each(cases)(
  'resize and $kind of $width x $height, $interpolation: the bytes of torchvision',
  ({ width, height, interpolation, kind, pixels }) => {
    const end = kind === 'squash' ? { kind, interpolation } : { kind };
    const view = viewSpec.parse([{ kind: 'resize', size: shorter, interpolation }, end]);
    const from = source(width, height);
    const sampled = sampleViews(view, stream(0, 'view'), from, side);
    const expected = new Uint8Array(Buffer.from(pixels, 'base64'));
    const [made] = applyViews(from, sampled);
    expect([made?.width, made?.height]).toEqual([side, side]);
    expect(made?.pixels).toEqual(expected);
    const canvas = new Canvas();
    canvas.open(from);
    const kernels = new Uint8Array(expected.length);
    canvas.view(sampled.changes, kernels);
    expect(kernels).toEqual(expected);
  },
);

it('squashes to a size of its own, and draws nothing', () => {
  const view = viewSpec.parse([{ kind: 'squash', size: 5 }]);
  const draws = stream(0, 'view');
  const [made] = applyViews(source(9, 30), sampleViews(view, draws, source(9, 30), side));
  expect([made?.width, made?.height]).toEqual([5, 5]);
  expect(draws.uniform()).toBe(stream(0, 'view').uniform());
});
