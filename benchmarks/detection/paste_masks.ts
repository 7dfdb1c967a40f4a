import type { Box, ImageSize } from './boxes.ts';
import type { Bitmap } from './polygons.ts';

const f = Math.fround;

/**
 * A mask stretched over its box in an image: each pixel's centre looks it up bilinearly, with zeros around the
 * mask, and is set where that is at least `threshold` (docs/reference/detection.md, section 11).
 * @param mask probabilities, `side` x `side`, row-major
 */
export function pasted(
  mask: Float32Array,
  side: number,
  box: Box,
  [height, width]: ImageSize,
  threshold = 0.5,
): Bitmap {
  const [x1, y1, x2, y2] = box;
  const data = new Uint8Array(height * width);
  const rows = range(y1, y2, height);
  const columns = range(x1, x2, width);
  const across = columns.map((x) => lookup(x, x1, x2, side));
  for (const y of rows) {
    const { low: v, high: down, rest: up } = lookup(y, y1, y2, side);
    columns.forEach((x, i) => {
      const { low: u = 0, high: right = 0, rest: left = 0 } = across[i] ?? {};
      const at = (row: number, column: number) =>
        row >= 0 && row < side && column >= 0 && column < side
          ? (mask[row * side + column] ?? 0)
          : 0;
      const top = f(f(at(v, u) * f(up * left)) + f(at(v, u + 1) * f(up * right)));
      const below = f(top + f(at(v + 1, u) * f(down * left)));
      const value = f(below + f(at(v + 1, u + 1) * f(down * right)));
      if (value >= f(threshold)) data[y * width + x] = 1;
    });
  }
  return { height, width, data };
}

/** Pixels that a box touches, and one more on each side. */
function range(from: number, to: number, size: number): number[] {
  const first = Math.max(0, Math.floor(from) - 1);
  const last = Math.min(size, Math.ceil(to) + 1);
  return Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i);
}

/** The cell before a pixel's centre, and how much that and the next one count. */
function lookup(pixel: number, from: number, to: number, side: number) {
  const along = f(f(f(f(f(pixel + 0.5) - from) / f(to - from)) * 2) - 1);
  const place = f(f(f(along + 1) * f(side / 2)) - 0.5);
  const low = Math.floor(place);
  const high = f(place - low);
  return { low, high, rest: f(1 - high) };
}
