import { type Image, image } from '../data/images/image.ts';
import { bitmapOf, type Rle } from '../metrics/rle.ts';

/** Red, green, blue. */
export type Rgb = readonly [number, number, number];

const SHARE = 0.35; // of the colour inside; outlines are all colour

/**
 * A copy of an image with masks tinted onto it, one after another.
 * @throws Error for a mask of another size
 */
export function withMasks(
  { width, height, pixels }: Image,
  masks: readonly { readonly mask: Rle; readonly colour: Rgb }[],
): Image {
  const out = image(width, height, Uint8Array.from(pixels));
  // An outline stays to be seen where the image is shown smaller.
  const reach = Math.max(1, Math.round(Math.max(width, height) / 400));
  for (const { mask, colour } of masks) {
    if (mask.width !== width || mask.height !== height)
      throw new Error(`a mask of ${mask.width} x ${mask.height} on ${width} x ${height} pixels`);
    tint(out, bitmapOf(mask), colour, reach);
  }
  return out;
}

function tint({ width, height, pixels }: Image, inside: Uint8Array, colour: Rgb, reach: number) {
  const at = (x: number, y: number) =>
    x >= 0 && x < width && y >= 0 && y < height && inside[y * width + x] === 1;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (!at(x, y)) continue;
      const inner = at(x - reach, y) && at(x + reach, y) && at(x, y - reach) && at(x, y + reach);
      const share = inner ? SHARE : 1;
      const place = 3 * (y * width + x);
      for (let c = 0; c < 3; c++) {
        const before = pixels[place + c] ?? 0;
        pixels[place + c] = Math.round(before + ((colour[c] ?? 0) - before) * share);
      }
    }
}
