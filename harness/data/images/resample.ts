import { type Box, type Image, image } from './image.ts';

export type Interpolation = 'bilinear' | 'bicubic';

interface Filter {
  readonly support: number;
  weight(x: number): number;
}

// Pillow's filters (Resample.c); bicubic has a = -0.5.
export const FILTERS: Readonly<Record<Interpolation, Filter>> = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: {
    support: 2,
    weight: (x) => {
      const a = -0.5;
      const y = Math.abs(x);
      if (y < 1) return ((a + 2) * y - (a + 3)) * y * y + 1;
      return y < 2 ? (((y - 5) * y + 8) * y - 4) * a : 0;
    },
  },
};

const BITS = 22; // of the fixed-point weights
const HALF = 1 << (BITS - 1);

/** For each output pixel: first input pixel, number of weights, and the weights in fixed point. */
interface Weights {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly stride: number;
  readonly values: Int32Array;
}

/** The weights that make `output` pixels of `input`, antialiased when shrinking. */
function weights(input: number, output: number, filter: Filter): Weights {
  const scale = input / output;
  const spread = Math.max(scale, 1);
  const support = filter.support * spread;
  const stride = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(output);
  const count = new Int32Array(output);
  const values = new Int32Array(output * stride);
  const raw = new Float64Array(stride);
  for (let i = 0; i < output; i++) {
    const centre = (i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const high = Math.min(input, Math.trunc(centre + support + 0.5));
    let sum = 0;
    for (let j = low; j < high; j++) {
      const w = filter.weight((j - centre + 0.5) / spread);
      raw[j - low] = w;
      sum += w;
    }
    first[i] = low;
    count[i] = high - low;
    for (let j = 0; j < high - low; j++) {
      const w = ((raw[j] ?? 0) / sum) * (1 << BITS);
      values[i * stride + j] = Math.trunc(w < 0 ? w - 0.5 : w + 0.5);
    }
  }
  return { first, count, stride, values };
}

function clip(sum: number): number {
  const value = sum >> BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/**
 * A part of an image scaled to width x height, as Pillow's `crop` and `resize` do to the bit:
 * 8-bit intermediate rows, 22-bit weights, horizontal pass first.
 */
export function resample(
  source: Image,
  box: Box,
  width: number,
  height: number,
  interpolation: Interpolation,
): Image {
  const filter = FILTERS[interpolation];
  const across = weights(box.width, width, filter);
  const down = weights(box.height, height, filter);
  const rows = horizontal(source, box, across, width);
  const out = image(width, height);
  const line = width * 3;
  const { first, count, stride, values } = down;
  const sums = new Int32Array(line);
  for (let y = 0; y < height; y++) {
    sums.fill(HALF);
    const top = first[y] ?? 0;
    for (let j = 0; j < (count[y] ?? 0); j++) {
      const w = values[y * stride + j] ?? 0;
      const from = (top + j) * line;
      for (let x = 0; x < line; x++) sums[x] = (sums[x] ?? 0) + w * (rows[from + x] ?? 0);
    }
    const to = y * line;
    for (let x = 0; x < line; x++) out.pixels[to + x] = clip(sums[x] ?? 0);
  }
  return out;
}

function horizontal(source: Image, box: Box, across: Weights, width: number): Uint8Array {
  const { first, count, stride, values } = across;
  const rows = new Uint8Array(box.height * width * 3);
  const { pixels } = source;
  for (let y = 0; y < box.height; y++) {
    const line = ((box.top + y) * source.width + box.left) * 3;
    let to = y * width * 3;
    for (let x = 0; x < width; x++) {
      let r = HALF;
      let g = HALF;
      let b = HALF;
      let from = line + (first[x] ?? 0) * 3;
      const start = x * stride;
      const end = start + (count[x] ?? 0);
      for (let j = start; j < end; j++) {
        const w = values[j] ?? 0;
        r += w * (pixels[from] ?? 0);
        g += w * (pixels[from + 1] ?? 0);
        b += w * (pixels[from + 2] ?? 0);
        from += 3;
      }
      rows[to++] = clip(r);
      rows[to++] = clip(g);
      rows[to++] = clip(b);
    }
  }
  return rows;
}
