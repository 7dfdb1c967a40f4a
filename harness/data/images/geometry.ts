import { cos, sin } from '../../random/elementary.ts';
import { type Image, image } from './image.ts';

/** Left to right, in place. */
export function flip({ pixels, width, height }: Image): void {
  for (let y = 0; y < height; y++) {
    let a = y * width * 3;
    let b = a + (width - 1) * 3;
    for (; a < b; a += 3, b -= 3) {
      for (let c = 0; c < 3; c++) {
        const kept = pixels[a + c] ?? 0;
        pixels[a + c] = pixels[b + c] ?? 0;
        pixels[b + c] = kept;
      }
    }
  }
}

/** A whole number of 2^-16, as Pillow's Geometry.c steps through the source. */
function fixed(x: number): number {
  return Math.floor(x * 65_536 + 0.5);
}

/**
 * Turns an image about its centre, counter-clockwise, as Pillow's `rotate` does to the bit: nearest
 * pixel, size kept, what comes from outside is black.
 */
export function rotate(source: Image, degrees: number): Image {
  const { width, height, pixels } = source;
  const angle = (-degrees * Math.PI) / 180;
  const c = cos(angle);
  const s = sin(angle);
  const acrossX = fixed(c);
  const acrossY = fixed(-s);
  const downX = fixed(s);
  const downY = fixed(c);
  const x = width / 2;
  const y = height / 2;
  let rowX = fixed(x - c * x - s * y + c * 0.5 + s * 0.5);
  let rowY = fixed(y + s * x - c * y - s * 0.5 + c * 0.5);
  const out = image(width, height);
  for (let row = 0, to = 0; row < height; row++, rowX += downX, rowY += downY) {
    let atX = rowX;
    let atY = rowY;
    for (let column = 0; column < width; column++, to += 3, atX += acrossX, atY += acrossY) {
      const fromX = Math.floor(atX / 65_536);
      const fromY = Math.floor(atY / 65_536);
      if (fromX < 0 || fromX >= width || fromY < 0 || fromY >= height) continue;
      const from = (fromY * width + fromX) * 3;
      out.pixels[to] = pixels[from] ?? 0;
      out.pixels[to + 1] = pixels[from + 1] ?? 0;
      out.pixels[to + 2] = pixels[from + 2] ?? 0;
    }
  }
  return out;
}
