import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { sha256 } from '../../base/hash.ts';
import { stream } from '../../random/stream.ts';
import { type ViewOp, viewSpec } from '../spec.ts';
import { Canvas } from './canvas.ts';
import type { Change } from './change.ts';
import { image } from './image.ts';
import { sampleViews } from './pipeline.ts';

const numbers = z.array(z.number());
const Parameters = z.object({
  random: z.array(
    z.object({
      width: z.number(),
      height: z.number(),
      scale: numbers,
      area: numbers,
      logRatio: numbers,
      left: numbers,
      top: numbers,
    }),
  ),
  central: z.array(
    z.object({
      image: numbers,
      top: z.number(),
      left: z.number(),
      width: z.number(),
      height: z.number(),
    }),
  ),
});
const file = new URL('../../../golden/views/parameters.json', import.meta.url);
const torchvision = Parameters.parse(JSON.parse(readFileSync(file, 'utf8')));

const COUNT = 10_000;
const SIGMAS = 4.5;

function draws(op: Partial<ViewOp>, width = 64, height = 64, count = COUNT) {
  const spec = viewSpec.parse([op]);
  return Array.from(
    { length: count },
    (_, i) => sampleViews(spec, stream(11, 'augment', 0, i, 0), { width, height }, 32).changes,
  );
}

/** Holds the share of values below each decile to a tenth, two tenths, … within chance. */
function expectDeciles(name: string, values: readonly number[], deciles: readonly number[]): void {
  deciles.forEach((decile, i) => {
    const share = (i + 1) / 10;
    const slack = SIGMAS * Math.sqrt((share * (1 - share)) / values.length);
    const below = values.filter((value) => value < decile - 1e-5).length / values.length;
    const upTo = values.filter((value) => value <= decile + 1e-5).length / values.length;
    expect(below, `${name}, decile ${i + 1}`).toBeLessThan(share + slack);
    expect(upTo, `${name}, decile ${i + 1}`).toBeGreaterThan(share - slack);
  });
}

/** Deciles of the uniform distribution. */
function uniform(low: number, high: number): number[] {
  return Array.from({ length: 9 }, (_, i) => low + ((i + 1) / 10) * (high - low));
}

function expectShare(name: string, share: number, expected: number, count: number): void {
  const slack = SIGMAS * Math.sqrt((expected * (1 - expected)) / count);
  expect(Math.abs(share - expected), `${name}: ${share}`).toBeLessThan(slack);
}

describe('random crops', () => {
  it.each(torchvision.random)('of $width x $height fall as torchvision draws them', (expected) => {
    const { width, height, scale } = expected;
    const op = {
      kind: 'randomResizedCrop' as const,
      scale: [scale[0] ?? 0, scale[1] ?? 1] as const,
    };
    const boxes = draws(op, width, height).flat();
    const column = (of: (box: Extract<Change, { kind: 'resize' }>) => number) =>
      boxes.map((change) => (change.kind === 'resize' ? of(change) : Number.NaN));
    expectDeciles(
      'area',
      column((box) => (box.width * box.height) / (width * height)),
      expected.area,
    );
    expectDeciles(
      'ratio',
      column((box) => Math.log(box.width / box.height)),
      expected.logRatio,
    );
    expectDeciles(
      'left',
      column((b) => (b.left + 0.5) / (width - b.width + 1)),
      expected.left,
    );
    expectDeciles(
      'top',
      column((b) => (b.top + 0.5) / (height - b.height + 1)),
      expected.top,
    );
    for (const change of boxes) {
      expect(change).toMatchObject({ kind: 'resize', toWidth: 32, toHeight: 32 });
      if (change.kind !== 'resize' || change.left < 0 || change.top < 0)
        throw new Error(JSON.stringify(change));
      expect(change.left + change.width).toBeLessThanOrEqual(width);
      expect(change.top + change.height).toBeLessThanOrEqual(height);
    }
  });

  it.each(torchvision.central)('of $image are central where none fits', ({ image, ...box }) => {
    const [width, height] = image;
    const op = { kind: 'randomResizedCrop' as const, scale: [0.9, 1] as const };
    for (const changes of draws(op, width, height, 5)) expect(changes).toMatchObject([box]);
  });
});

describe('colour jitter', () => {
  const jitter = { kind: 'colorJitter', brightness: 0.4, contrast: 1.5, saturation: 0.2, hue: 0.1 };

  it('draws factors evenly from their ranges', () => {
    const all = draws(jitter as Partial<ViewOp>).flat();
    const factors = (kind: string) =>
      all.flatMap((c) => (c.kind === kind && 'factor' in c ? [c.factor] : []));
    expectDeciles('brightness', factors('brightness'), uniform(0.6, 1.4));
    expectDeciles('contrast', factors('contrast'), uniform(0, 2.5));
    expectDeciles('saturation', factors('saturation'), uniform(0.8, 1.2));
    const shifts = all.flatMap((c) => (c.kind === 'hue' ? [c.shift] : []));
    expectDeciles('hue', shifts, uniform(-0.1, 0.1));
  });

  it('takes its operations in all 24 orders alike, and leaves out what has no strength', () => {
    const counts = new Map<string, number>();
    for (const changes of draws(jitter as Partial<ViewOp>)) {
      const order = changes.map(({ kind }) => kind).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    for (const [order, count] of counts) expectShare(order, count / COUNT, 1 / 24, COUNT);
    const two = draws({ kind: 'colorJitter', brightness: 0.4, hue: 0.1, p: 0.8 }, 64, 64, 5000);
    expectShare('p', two.filter((changes) => changes.length === 2).length / 5000, 0.8, 5000);
    expect(new Set(two.map((changes) => changes.length))).toEqual(new Set([0, 2]));
  });
});

describe('the other operations', () => {
  it.each([
    [{ kind: 'flip', p: 0.5 }, 0.5],
    [{ kind: 'grayscale', p: 0.2 }, 0.2],
    [{ kind: 'blur', p: 0.1 }, 0.1],
    [{ kind: 'solarize', p: 0.2 }, 0.2],
    [{ kind: 'blur', p: 1 }, 1],
    [{ kind: 'solarize', p: 0 }, 0],
  ] as const)('%j come with their probability', (op, p) => {
    const made = draws(op).filter((changes) => changes.length === 1).length / COUNT;
    if (p === 0 || p === 1) expect(made).toBe(p);
    else expectShare(op.kind, made, p, COUNT);
  });

  // docs/reference/methods.md, section 2
  it('draw sigma, angle, offsets and colours as the original does', () => {
    const values = (op: Partial<ViewOp>, key: string) =>
      draws(op).flatMap((changes) => changes.map((c) => Number(Reflect.get(c, key))));
    expectDeciles('sigma', values({ kind: 'blur', p: 1 }, 'sigma'), uniform(0.1, 2));
    expectDeciles('angle', values({ kind: 'rotation' }, 'degrees'), uniform(-2, 2));
    const left = values({ kind: 'randomCrop', padding: 4 }, 'left');
    expect([Math.min(...left), Math.max(...left)]).toEqual([-4, 36]);
    for (const place of [-4, 0, 36])
      expectShare(`left ${place}`, left.filter((x) => x === place).length / COUNT, 1 / 41, COUNT);
    const shifts = draws({ kind: 'lighting' }).flat();
    const red = shifts.map((c) => (c.kind === 'lighting' ? (c.shift[0] ?? 0) : 0));
    const spread = 0.1 * Math.hypot(0.5675 * 0.2175, 0.7192 * 0.0188, 0.4009 * 0.0045);
    const standard = [-1.28155, -0.84162, -0.5244, -0.25335, 0, 0.25335, 0.5244, 0.84162, 1.28155];
    expectDeciles(
      'red',
      red,
      standard.map((z) => z * spread),
    );
  });

  it('resize the shorter side and cut the centre as torchvision does', () => {
    const spec = viewSpec.parse([{ kind: 'resize', size: 37 }, { kind: 'centerCrop' }]);
    const of = (width: number, height: number) =>
      sampleViews(spec, stream(0, 'augment', 0, 0, 0), { width, height }, 32).changes;
    expect(of(500, 375)).toMatchObject([
      { toWidth: 49, toHeight: 37 }, // 37 * 500 / 375 = 49.33, cut off
      { left: 8, top: 2, width: 32, height: 32 }, // 8.5 and 2.5 round to even
    ]);
    expect(of(375, 501)).toMatchObject([
      { toWidth: 37, toHeight: 49 },
      { left: 2, top: 8 },
    ]);
  });
});

describe('views', () => {
  const spec = viewSpec.parse([
    { kind: 'randomResizedCrop', scale: [0.2, 1], interpolation: 'bicubic' },
    { kind: 'colorJitter', brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, p: 0.8 },
    { kind: 'grayscale' },
    { kind: 'blur' },
    { kind: 'solarize' },
    { kind: 'rotation' },
    { kind: 'flip' },
  ]);

  it('have these bits on every machine', () => {
    const canvas = new Canvas();
    const views: Uint8Array[] = [];
    for (let index = 0; index < 8; index++) {
      const noise = stream(0, 'test picture', index);
      const picture = image(96, 80 + index);
      for (let i = 0, wave = 0; i < picture.pixels.length; i++) {
        wave = (wave + noise.int(0, 12)) & 511;
        picture.pixels[i] = wave < 256 ? wave : 511 - wave;
      }
      const changes = sampleViews(spec, stream(0, 'augment', 3, index, 1), picture, 64).changes;
      const view = new Uint8Array(64 * 64 * 3);
      canvas.open(picture);
      canvas.view(changes, view);
      views.push(view);
    }
    expect(sha256(views)).toBe('89e666a7ca5b2190f670f8222e557d441afbb9185213310c5fbff6152c667984');
  });
});
