import type { Image } from './image.ts';

/** 8-bit luma of a pixel (ITU-R 601-2), as Pillow computes it. */
function luma(r: number, g: number, b: number): number {
  return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
}

const { fround } = Math;

/** a + factor * (b - a) in float32, cut to 0..255, as Pillow's Image.blend does. */
function blend(a: number, b: number, factor: number): number {
  const value = fround(a + fround(factor * (b - a)));
  return value <= 0 ? 0 : value >= 255 ? 255 : Math.trunc(value);
}

function mapped({ pixels }: Image, table: Uint8Array): void {
  for (let i = 0; i < pixels.length; i++) pixels[i] = table[pixels[i] ?? 0] ?? 0;
}

/** Blends with black; `factor` 1 changes nothing. In place. */
export function brightness(picture: Image, factor: number): void {
  const f = fround(factor);
  mapped(
    picture,
    Uint8Array.from({ length: 256 }, (_, v) => blend(0, v, f)),
  );
}

/** Blends with the mean grey of the image. In place. */
export function contrast(picture: Image, factor: number): void {
  const { pixels } = picture;
  let sum = 0;
  for (let i = 0; i < pixels.length; i += 3)
    sum += luma(pixels[i] ?? 0, pixels[i + 1] ?? 0, pixels[i + 2] ?? 0);
  const mean = Math.trunc(sum / (pixels.length / 3) + 0.5);
  const f = fround(factor);
  mapped(
    picture,
    Uint8Array.from({ length: 256 }, (_, v) => blend(mean, v, f)),
  );
}

/** Blends each pixel with its own grey. In place. */
export function saturation({ pixels }: Image, factor: number): void {
  const f = fround(factor);
  const steps = Float32Array.from({ length: 511 }, (_, i) => fround(f * (i - 255)));
  for (let i = 0; i < pixels.length; i += 3) {
    const r = pixels[i] ?? 0;
    const g = pixels[i + 1] ?? 0;
    const b = pixels[i + 2] ?? 0;
    const grey = luma(r, g, b);
    pixels[i] = cut(grey + (steps[r - grey + 255] ?? 0));
    pixels[i + 1] = cut(grey + (steps[g - grey + 255] ?? 0));
    pixels[i + 2] = cut(grey + (steps[b - grey + 255] ?? 0));
  }
}

function cut(sum: number): number {
  const value = fround(sum);
  return value <= 0 ? 0 : value >= 255 ? 255 : Math.trunc(value);
}

/** Every channel becomes the luma. In place. */
export function grayscale({ pixels }: Image): void {
  for (let i = 0; i < pixels.length; i += 3) {
    const grey = luma(pixels[i] ?? 0, pixels[i + 1] ?? 0, pixels[i + 2] ?? 0);
    pixels[i] = grey;
    pixels[i + 1] = grey;
    pixels[i + 2] = grey;
  }
}

/** Inverts values from `threshold` on. In place. */
export function solarize(picture: Image, threshold: number): void {
  mapped(
    picture,
    Uint8Array.from({ length: 256 }, (_, v) => (v < threshold ? v : 255 - v)),
  );
}

/**
 * Adds to each channel, as shares of 255, to the nearest whole number. In place.
 * Departs: the original adds to float images; here the sum is a byte again.
 */
export function lighting({ pixels }: Image, shift: readonly number[]): void {
  const tables = shift.map((part) =>
    Uint8ClampedArray.from({ length: 256 }, (_, v) => Math.floor((v / 255 + part) * 255 + 0.5)),
  );
  for (let i = 0; i < pixels.length; i++) pixels[i] = tables[i % 3]?.[pixels[i] ?? 0] ?? 0;
}

/**
 * Turns the hue by `shift` of a full circle, through Pillow's 8-bit HSV. In place.
 * @param shift in -0.5..0.5
 */
export function hue({ pixels }: Image, shift: number): void {
  const turn = Math.trunc(shift * 255) & 255;
  for (let i = 0; i < pixels.length; i += 3) {
    const r = pixels[i] ?? 0;
    const g = pixels[i + 1] ?? 0;
    const b = pixels[i + 2] ?? 0;
    const v = Math.max(r, g, b);
    const low = Math.min(r, g, b);
    if (v === low) continue; // no saturation: grey stays grey
    const s = Math.trunc(fround((v - low) / v) * 255);
    if (s === 0) {
      pixels[i] = v;
      pixels[i + 1] = v;
      pixels[i + 2] = v;
      continue;
    }
    const h = (hueOf(r, g, b, v, v - low) + turn) & 255;
    write(pixels, i, h, s, v);
  }
}

/** 0..255, in the float32 and float64 steps of Pillow's Convert.c. */
function hueOf(r: number, g: number, b: number, v: number, range: number): number {
  const rc = fround((v - r) / range);
  const gc = fround((v - g) / range);
  const bc = fround((v - b) / range);
  const h = r === v ? fround(bc - gc) : g === v ? fround(2 + rc - bc) : fround(4 + gc - rc);
  return Math.trunc(fround((h / 6 + 1) % 1) * 255);
}

function write(pixels: Uint8Array, i: number, h: number, s: number, v: number): void {
  const fs = fround(s / 255);
  const sector = Math.floor((h * 6) / 255);
  const f = fround((h * 6) / 255 - sector);
  const p = Math.floor(fround(v * (1 - fs)) + 0.5);
  const q = Math.floor(fround(v * (1 - fs * f)) + 0.5);
  const t = Math.floor(fround(v * (1 - fs * (1 - f))) + 0.5);
  const k = sector % 6;
  pixels[i] = k === 0 || k === 5 ? v : k === 1 ? q : k === 4 ? t : p;
  pixels[i + 1] = k === 1 || k === 2 ? v : k === 0 ? t : k === 3 ? q : p;
  pixels[i + 2] = k === 3 || k === 4 ? v : k === 2 ? t : k === 5 ? q : p;
}
