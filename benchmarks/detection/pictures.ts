import type { ImageSize } from './boxes.ts';

/** An image as the network sees it: bytes, RGB, channels last. */
export interface Picture {
  readonly size: ImageSize;
  readonly data: Uint8Array;
}

export interface PixelSpec {
  /** Of bytes, red, green, blue. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

const f = Math.fround;

/** The height and width that all pictures of a batch fit into; nothing is rounded up. */
export function batchSize(pictures: readonly Picture[]): ImageSize {
  const most = (axis: 0 | 1) => Math.max(...pictures.map(({ size }) => size[axis]));
  return [most(0), most(1)];
}

/**
 * Pictures as one batch, (x - mean) / std in float32, each at the top left of zeros
 * (docs/reference/detection.md, section 4).
 * @returns [N, height, width, 3]
 */
export function normalised(
  pictures: readonly Picture[],
  [height, width]: ImageSize,
  { mean, std }: PixelSpec,
): Float32Array {
  const out = new Float32Array(pictures.length * height * width * 3);
  pictures.forEach(({ size: [rows, columns], data }, n) => {
    for (let row = 0; row < rows; row++)
      for (let k = 0; k < 3 * columns; k++) {
        const c = k % 3;
        const value = f((data[row * columns * 3 + k] ?? 0) - f(mean[c] ?? 0));
        out[(n * height + row) * width * 3 + k] = value / f(std[c] ?? 1);
      }
  });
  return out;
}
