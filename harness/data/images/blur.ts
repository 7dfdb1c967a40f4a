import { type Image, image } from './image.ts';

const PASSES = 3;
const { fround } = Math;

/** Radius, in pixels, of the box whose three passes come near a Gaussian (Pillow's BoxBlur.c), in float32. */
export function boxRadius(sigma: number): number {
  const variance = fround(fround(fround(sigma) * fround(sigma)) / PASSES);
  const length = fround(Math.sqrt(12 * variance + 1));
  const whole = fround(Math.floor((length - 1) / 2));
  const part = fround((2 * whole + 1) * (whole * (whole + 1) - 3 * variance));
  return fround(whole + fround(part / fround(6 * (variance - (whole + 1) * (whole + 1)))));
}

/** Pillow's GaussianBlur(radius = sigma), to the bit: three box blurs each way, edges repeated. */
export function blur(source: Image, sigma: number): Image {
  const radius = boxRadius(sigma);
  const { width, height } = source;
  if (radius === 0) return source;
  const across = turned(source.pixels, width, height, radius);
  return image(width, height, turned(across, height, width, radius));
}

/** Blurs rows of [rows, length, 3] three times and gives them as columns, [length, rows, 3]. */
function turned(pixels: Uint8Array, length: number, rows: number, radius: number): Uint8Array {
  const out = new Uint8Array(pixels.length);
  let line = new Uint8Array(length);
  let next = new Uint8Array(length);
  const box = boxOf(radius);
  for (let y = 0; y < rows; y++) {
    for (let c = 0; c < 3; c++) {
      const start = y * length * 3 + c;
      for (let x = 0; x < length; x++) line[x] = pixels[start + x * 3] ?? 0;
      for (let pass = 0; pass < PASSES; pass++) {
        boxLine(line, next, box);
        [line, next] = [next, line];
      }
      for (let x = 0; x < length; x++) out[(x * rows + y) * 3 + c] = line[x] ?? 0;
    }
  }
  return out;
}

export interface BoxWeights {
  /** Whole pixels on each side. */
  readonly radius: number;
  /** Weight of a pixel inside, of 2^24. */
  readonly inner: number;
  /** Weight of the two pixels at the ends. */
  readonly far: number;
}

/** The box blur of a radius in fixed point. */
export function boxOf(radius: number): BoxWeights {
  const whole = Math.trunc(radius);
  const inner = Math.trunc(fround(2 ** 24 / fround(fround(radius * 2) + 1)));
  return { radius: whole, inner, far: Math.trunc((2 ** 24 - (whole * 2 + 1) * inner) / 2) };
}

function boxLine(line: Uint8Array, out: Uint8Array, { radius, inner, far }: BoxWeights): void {
  const last = line.length - 1;
  const at = (x: number) => line[x < 0 ? 0 : x > last ? last : x] ?? 0;
  let sum = 0;
  for (let x = -radius; x <= radius; x++) sum += at(x);
  for (let x = 0; x <= last; x++) {
    const ends = at(x - radius - 1) + at(x + radius + 1);
    out[x] = (sum * inner + ends * far + 2 ** 23) / 2 ** 24;
    sum += at(x + radius + 1) - at(x - radius);
  }
}
