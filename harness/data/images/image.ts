/** An RGB image: 8 bits a channel, row after row. */
export interface Image {
  readonly width: number;
  readonly height: number;
  /** [height, width, 3]. */
  readonly pixels: Uint8Array;
}

/** A black image, or one on given memory. */
export function image(width: number, height: number, pixels?: Uint8Array): Image {
  return { width, height, pixels: pixels ?? new Uint8Array(width * height * 3) };
}

/** A rectangle of whole pixels; parts outside the image are not allowed. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A copy of a part of an image. Parts outside become black. */
export function crop(source: Image, { left, top, width, height }: Box): Image {
  const out = image(width, height);
  const from = Math.max(0, left);
  const to = Math.min(source.width, left + width);
  if (from >= to) return out;
  for (let y = Math.max(0, top); y < Math.min(source.height, top + height); y++) {
    const row = source.pixels.subarray((y * source.width + from) * 3, (y * source.width + to) * 3);
    out.pixels.set(row, ((y - top) * width + from - left) * 3);
  }
  return out;
}
