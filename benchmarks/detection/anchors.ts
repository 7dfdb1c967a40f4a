import type { Boxes } from './boxes.ts';

export interface AnchorSpec {
  /** Square roots of the areas, in pixels. */
  readonly sizes: readonly number[];
  /** Height over width. */
  readonly ratios: readonly number[];
  /** Pixels between the cells of the feature map. */
  readonly stride: number;
  /** Where the centre of the first cell lies, in strides. */
  readonly offset: number;
}

/** The anchors around (0, 0): sizes in the outer loop, ratios in the inner one. Rounded once. */
export function cellAnchors({ sizes, ratios }: Pick<AnchorSpec, 'sizes' | 'ratios'>): Boxes {
  const rows = sizes.flatMap((size) =>
    ratios.flatMap((ratio) => {
      const width = Math.sqrt((size * size) / ratio);
      const height = ratio * width;
      return [-width / 2, -height / 2, width / 2, height / 2];
    }),
  );
  return Float32Array.from(rows);
}

/**
 * All anchors of a feature map: by row, column, then anchor of the cell (docs/reference/detection.md,
 * section 6). None is clipped, and none is left out at the border.
 * @param height, width of the feature map, cells
 */
export function anchorGrid(spec: AnchorSpec, height: number, width: number): Boxes {
  const cell = cellAnchors(spec);
  const { stride, offset } = spec;
  const out = new Float32Array(height * width * cell.length);
  let at = 0;
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const x = Math.fround((column + offset) * stride);
      const y = Math.fround((row + offset) * stride);
      for (let k = 0; k < cell.length; k++) out[at++] = (cell[k] ?? 0) + (k % 2 === 0 ? x : y);
    }
  return out;
}
