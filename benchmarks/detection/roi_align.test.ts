import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../harness/engine/index.ts';
import type { Tensor } from '../../harness/engine/tf.ts';
import { near, normal } from '../../harness/testing/agree.ts';
import { differentiate, floats } from '../../harness/testing/evaluate.ts';
import { mostSamples, type RoiAlignSpec, roiAlign } from './roi_align.ts';

beforeAll(startEngine);

/** Sample by sample, as torchvision's kernel goes; `put` takes each pixel's share. */
function samples(
  [x1 = 0, y1 = 0, x2 = 0, y2 = 0]: readonly number[],
  [height, width]: readonly [number, number],
  { output, scale, samplingRatio, aligned }: RoiAlignSpec,
  put: (row: number, column: number, y: number, x: number, share: number) => void,
): void {
  const f = Math.fround;
  const axis = (from: number, to: number) => {
    const start = f(f(from * scale) - (aligned ? 0.5 : 0));
    const length = f(f(f(to * scale) - (aligned ? 0.5 : 0)) - start);
    const bin = f((aligned ? length : Math.max(length, 1)) / output);
    return { start, bin, count: samplingRatio > 0 ? samplingRatio : Math.ceil(bin) };
  };
  const [down, across] = [axis(y1, y2), axis(x1, x2)];
  const at = ({ start, bin, count }: typeof down, p: number, k: number) =>
    f(f(start + f(p * bin)) + f(f((k + 0.5) * bin) / count));
  const whole = 1 / Math.max(1, down.count * across.count);
  for (let row = 0; row < output; row++)
    for (let column = 0; column < output; column++)
      for (let i = 0; i < down.count; i++)
        for (let j = 0; j < across.count; j++) {
          const [y, x] = [at(down, row, i), at(across, column, j)];
          if (y < -1 || y > height || x < -1 || x > width) continue;
          for (const [v, a] of corners(y, height))
            for (const [u, b] of corners(x, width)) put(row, column, v, u, whole * a * b);
        }
}

/** The two pixels around a place, and what each counts. */
function corners(place: number, size: number): (readonly [number, number])[] {
  const inside = Math.max(place, 0);
  const low = Math.floor(inside);
  if (low >= size - 1) return [[size - 1, 1]];
  return [
    [low, 1 - (inside - low)],
    [low + 1, inside - low],
  ];
}

const side = fc.integer({ min: 1, max: 9 });
const pixel = fc.double({ min: -60, max: 220, noNaN: true }).map(Math.fround);
const region = fc.oneof(
  fc
    .tuple(pixel, pixel, pixel, pixel)
    .map(([a, b, c, d]) => [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)]),
  fc.constant([16, 16, 16, 40]), // of no width
  fc.constant([40, 40, 20, 20]), // turned round
);

describe('ROI align', () => {
  it('is the mean of bilinear samples, and its gradient goes back the same way', async () => {
    const spec = fc.record({
      output: fc.constantFrom(1, 2, 7),
      scale: fc.constant(1 / 16),
      samplingRatio: fc.constantFrom(0, 0, 2),
      aligned: fc.boolean(),
    });
    const regions = fc.array(region, { minLength: 1, maxLength: 5 });
    const holds = fc.asyncProperty(spec, side, side, regions, async (spec, height, width, rows) => {
      const channels = 2;
      const { output } = spec;
      const boxes = Float32Array.from(rows.flat());
      const features = normal('features', height, width, channels);
      const upstream = normal('upstream', rows.length, output, output, channels);
      const found = await differentiate(
        {
          variables: { features },
          constants: { boxes: floats([rows.length, 4], boxes) },
          apply: (t) =>
            roiAlign(t.features as Tensor, t.boxes as Tensor, spec, mostSamples(boxes, spec)),
        },
        upstream,
      );
      const y = new Float64Array(upstream.data.length);
      const slope = new Float64Array(features.data.length);
      rows.forEach((row, r) => {
        samples(row, [height, width], spec, (p, q, v, u, share) => {
          for (let c = 0; c < channels; c++) {
            const out = ((r * output + p) * output + q) * channels + c;
            const at = (v * width + u) * channels + c;
            y[out] = (y[out] ?? 0) + share * Number(features.data[at]);
            slope[at] = (slope[at] ?? 0) + share * Number(upstream.data[out]);
          }
        });
      });
      near(found, { y: { data: y }, 'grad.features': { data: slope } });
    });
    await fc.assert(holds, { seed: 5, numRuns: 25 });
  });

  it('counts samples for the largest region, with one to spare', () => {
    const spec = { output: 14, scale: 1 / 16, samplingRatio: 0, aligned: true };
    expect(mostSamples(Float32Array.of(0, 0, 224, 16, 0, 0, 16, 225), spec)).toBe(3);
    expect(mostSamples(Float32Array.of(5, 5, 1, 1), spec)).toBe(2);
  });
});
