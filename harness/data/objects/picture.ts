import type { Canvas } from '../images/canvas.ts';
import type { Change } from '../images/change.ts';
import { type Image, image } from '../images/image.ts';
import type { PictureChange } from './change_objects.ts';

/** A picture brought to its size by Pillow's BILINEAR, and flipped: the bits of detectron2's. */
export function changedPicture(canvas: Canvas, source: Image, change: PictureChange): Image {
  const { width, height, toWidth, toHeight, flip } = change;
  if (source.width !== width || source.height !== height)
    throw new RangeError(`picture: ${source.width} x ${source.height}, not ${width} x ${height}`);
  const changes: Change[] = [];
  if (toWidth !== width || toHeight !== height)
    changes.push({
      kind: 'resize',
      ...{ left: 0, top: 0, width, height, toWidth, toHeight },
      interpolation: 'bilinear',
    });
  if (flip) changes.push({ kind: 'flip' });
  const made = image(toWidth, toHeight);
  canvas.open(source);
  canvas.view(changes, made.pixels);
  return made;
}

/** Mean and deviation of a channel, red, green, blue, of 0 to 255. */
export interface PixelScale {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Pictures of a batch in one tensor, each at its upper left. */
export interface PaddedPictures {
  /** float32 [N, height, width, 3]; 0 outside a picture. */
  readonly pixels: Float32Array;
  readonly height: number;
  readonly width: number;
}

/**
 * Pictures scaled by (x - mean) / std in float32, on zeros of the largest height and width among them
 * (docs/reference/detection.md, section 4).
 * @param least height and width at least, e.g. of a size that a program was made for
 */
export function paddedPictures(
  pictures: readonly Image[],
  { mean, std }: PixelScale,
  least: { readonly height: number; readonly width: number } = { height: 0, width: 0 },
): PaddedPictures {
  const height = Math.max(least.height, ...pictures.map((one) => one.height));
  const width = Math.max(least.width, ...pictures.map((one) => one.width));
  const pixels = new Float32Array(pictures.length * height * width * 3);
  const scaled = [0, 1, 2].map((c) => {
    const [centre, spread] = [Math.fround(mean[c] ?? 0), Math.fround(std[c] ?? 1)];
    return Float32Array.from({ length: 256 }, (_, x) => Math.fround(x - centre) / spread);
  });
  const [red = pixels, green = pixels, blue = pixels] = scaled;
  for (const [n, picture] of pictures.entries())
    for (let y = 0, from = 0; y < picture.height; y++) {
      let to = (n * height + y) * width * 3;
      for (const end = from + 3 * picture.width; from < end; from += 3, to += 3) {
        pixels[to] = red[picture.pixels[from] ?? 0] ?? 0;
        pixels[to + 1] = green[picture.pixels[from + 1] ?? 0] ?? 0;
        pixels[to + 2] = blue[picture.pixels[from + 2] ?? 0] ?? 0;
      }
    }
  return { pixels, height, width };
}
