import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stream } from '../../random/stream.ts';
import { buildKernels } from '../kernels/build.ts';
import { boxRadius } from './blur.ts';
import { Canvas } from './canvas.ts';
import { applyView, type Change } from './change.ts';
import { hue } from './colour.ts';
import { type Image, image } from './image.ts';

const canvas = new Canvas();

/** Noise over a slope, with flat parts: every byte value, grey and saturated pixels. */
function picture(width: number, height: number, seed: number): Image {
  const draws = stream(seed, 'picture');
  const made = image(width, height);
  const mode = draws.int(0, 2);
  for (let i = 0; i < made.pixels.length; i++) {
    const noise = draws.int(0, 255);
    made.pixels[i] =
      mode === 0 ? noise : mode === 1 ? (noise >> 6) * 85 : (i * 5 + (noise >> 5)) & 255;
  }
  return made;
}

function expectSame(source: Image, changes: readonly Change[]): void {
  const expected = applyView(source, changes);
  const to = new Uint8Array(expected.pixels.length);
  canvas.open(source);
  canvas.view(changes, to);
  expect(Buffer.compare(to, expected.pixels)).toBe(0);
}

const side = fc.integer({ min: 1, max: 70 });
const factor = fc.double({ min: 0, max: 2.5, noNaN: true });
const kept: fc.Arbitrary<Change> = fc.oneof(
  fc.constantFrom<Change>({ kind: 'flip' }, { kind: 'grayscale' }),
  fc.record({ kind: fc.constantFrom('brightness', 'contrast', 'saturation'), factor }),
  fc.record({ kind: fc.constant('hue'), shift: fc.double({ min: -0.5, max: 0.5, noNaN: true }) }),
  fc.record({ kind: fc.constant('blur'), sigma: fc.double({ min: 0, max: 9, noNaN: true }) }),
  fc.record({ kind: fc.constant('solarize'), threshold: fc.integer({ min: 0, max: 256 }) }),
);
const shaping = fc.oneof(
  fc.record({
    kind: fc.constant('resize'),
    toWidth: side,
    toHeight: side,
    interpolation: fc.constantFrom('bilinear', 'bicubic'),
  }),
  fc.record({ kind: fc.constant('crop'), width: side, height: side, left: side, top: side }),
);

describe('the kernels of a canvas', () => {
  it('give the bits of the plain operations, in any order', () => {
    const plan = fc.record({
      width: side,
      height: side,
      seed: fc.nat(),
      steps: fc.array(fc.oneof(kept, shaping), { maxLength: 5 }),
    });
    fc.assert(
      fc.property(plan, ({ width, height, seed, steps }) => {
        let now = { width, height };
        const changes = steps.map((step): Change => {
          if (step.kind === 'crop') {
            now = { width: step.width, height: step.height };
            return { ...step, left: step.left - 30, top: step.top - 30 };
          }
          if (step.kind !== 'resize') return step as Change;
          const w = 1 + (seed % now.width);
          const h = 1 + (seed % now.height);
          const box = { left: now.width - w, top: now.height - h, width: w, height: h };
          now = { width: step.toWidth, height: step.toHeight };
          return { ...step, ...box } as Change;
        });
        expectSame(picture(width, height, seed), changes);
      }),
      { seed: 1, numRuns: 400 },
    );
  });

  it.each([62, 63, 64])('blur by a box of radius %i, where sums reach 15 bits', (radius) => {
    const white = picture(150, 20, 1);
    white.pixels.fill(255, 0, 150 * 3 * 10);
    const sigma = Math.sqrt((((2 * radius + 1) ** 2 - 1) / 12) * 3) + 0.1;
    expect(Math.floor(boxRadius(sigma))).toBe(radius);
    expectSame(white, [{ kind: 'blur', sigma }]);
  });

  it('turn the hue of every colour as the plain operation does', () => {
    for (const shift of [0, 0.1, -0.37]) {
      for (let red = 0; red < 256; red += 17) {
        const plane = image(256, 256);
        for (let i = 0; i < 65_536; i++) plane.pixels.set([red, i >> 8, i & 255], i * 3);
        const expected = image(256, 256, plane.pixels.slice());
        hue(expected, shift);
        const to = new Uint8Array(plane.pixels.length);
        canvas.open(plane);
        canvas.view([{ kind: 'hue', shift }], to);
        expect(Buffer.compare(to, expected.pixels)).toBe(0);
      }
    }
  });

  it('are what their sources compile to', async () => {
    const stored = readFileSync(new URL('../kernels/pixels.wasm', import.meta.url));
    expect(Buffer.compare(stored, await buildKernels())).toBe(0);
  });
});
