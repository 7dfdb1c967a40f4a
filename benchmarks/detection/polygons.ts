import { bitmapOf } from '../../harness/metrics/rle.ts';
import { rleOfPolygons } from '../../harness/metrics/rle_polygon.ts';
import type { Box, Boxes } from './boxes.ts';

/** Corners in turn: x0, y0, x1, y1, … in pixels. An object has one or more of them. */
export type Polygon = Float64Array;

/** A bitmap of 0 and 1, row-major. */
export interface Bitmap {
  readonly height: number;
  readonly width: number;
  readonly data: Uint8Array;
}

/** The pixels inside of any of an object's polygons, as pycocotools' `rleFrPoly` finds them. */
export function filled(polygons: readonly Polygon[], height: number, width: number): Bitmap {
  return { height, width, data: bitmapOf(rleOfPolygons(height, width, polygons)) };
}

/**
 * What of an object lies in a region, as `side` x `side` pixels: the polygons are moved by the region's corner and
 * scaled, each axis by itself (docs/reference/detection.md, section 10). The scale is a float32, as numpy has it.
 */
export function maskTarget(
  polygons: readonly Polygon[],
  [x1, y1, x2, y2]: Box,
  side: number,
): Bitmap {
  const scaleOf = (length: number) => (length > 0.1 ? Math.fround(side / length) : side / 0.1);
  const scale = [scaleOf(Math.fround(x2 - x1)), scaleOf(Math.fround(y2 - y1))] as const;
  const moved = polygons.map((polygon) =>
    polygon.map((value, i) => (i % 2 === 0 ? (value - x1) * scale[0] : (value - y1) * scale[1])),
  );
  return filled(moved, side, side);
}

/** The smallest box around an object, of corners rounded to float32. */
export function boundingBox(polygons: readonly Polygon[]): Boxes {
  const infinity = Number.POSITIVE_INFINITY;
  const box = Float32Array.of(infinity, infinity, 0, 0);
  for (const polygon of polygons)
    for (let i = 0; i < polygon.length; i++) {
      const [value, axis] = [polygon[i] ?? 0, i % 2];
      box[axis] = Math.min(box[axis] ?? 0, value);
      box[2 + axis] = Math.max(box[2 + axis] ?? 0, value);
    }
  return box;
}

/** Pixels squared, of all polygons together; parts that overlap count twice. */
export function polygonArea(polygons: readonly Polygon[]): number {
  return polygons.reduce((sum, polygon) => sum + Math.abs(twiceSigned(polygon)) / 2, 0);
}

/** Gauss's formula. */
function twiceSigned(polygon: Polygon): number {
  const corners = polygon.length >> 1;
  let sum = 0;
  for (let i = 0; i < corners; i++) {
    const next = (i + 1) % corners;
    const [x, y] = [polygon[2 * i] ?? 0, polygon[2 * i + 1] ?? 0];
    sum += x * (polygon[2 * next + 1] ?? 0) - y * (polygon[2 * next] ?? 0);
  }
  return sum;
}
