import type { Box, Boxes } from './boxes.ts';

/** Corners in turn: x0, y0, x1, y1, … in pixels. An object has one or more of them. */
export type Polygon = Float64Array;

/** Pixels that the grid of the rasteriser is finer by. */
const FINER = 5;

/** A bitmap of 0 and 1, row-major. */
export interface Bitmap {
  readonly height: number;
  readonly width: number;
  readonly data: Uint8Array;
}

/**
 * The pixels inside of any of an object's polygons, as pycocotools' `rleFrPoly` finds them: the outline is drawn
 * on a grid five times as fine, and every pixel of a column changes side where the outline crosses the column's
 * middle.
 */
export function filled(polygons: readonly Polygon[], height: number, width: number): Bitmap {
  const data = new Uint8Array(height * width);
  for (const polygon of polygons) {
    const crossings = new Uint8Array(height * width + 1);
    for (const place of crossingsOf(outline(polygon), height, width))
      crossings[place] = 1 - (crossings[place] ?? 0);
    let inside = 0;
    for (let x = 0; x < width; x++)
      for (let y = 0; y < height; y++) {
        if (crossings[x * height + y] === 1) inside = 1 - inside;
        if (inside === 1) data[y * width + x] = 1;
      }
  }
  return { height, width, data };
}

/** Points on the fine grid, without a gap, all around. */
function outline(polygon: Polygon): { readonly x: number[]; readonly y: number[] } {
  const corners = polygon.length >> 1;
  const fine = (i: number, axis: 0 | 1) =>
    Math.trunc(FINER * (polygon[2 * (i % corners) + axis] ?? 0) + 0.5);
  const x: number[] = [];
  const y: number[] = [];
  for (let i = 0; i < corners; i++) {
    const [fromX, fromY, toX, toY] = [fine(i, 0), fine(i, 1), fine(i + 1, 0), fine(i + 1, 1)];
    const [dx, dy] = [Math.abs(toX - fromX), Math.abs(toY - fromY)];
    const flat = dx >= dy;
    const back = flat ? fromX > toX : fromY > toY;
    const [startX, startY] = back ? [toX, toY] : [fromX, fromY];
    const [endX, endY] = back ? [fromX, fromY] : [toX, toY];
    const steps = flat ? dx : dy;
    const slope = steps === 0 ? 0 : flat ? (endY - startY) / dx : (endX - startX) / dy;
    for (let d = 0; d <= steps; d++) {
      const t = back ? steps - d : d;
      x.push(flat ? t + startX : Math.trunc(startX + slope * t + 0.5));
      y.push(flat ? Math.trunc(startY + slope * t + 0.5) : t + startY);
    }
  }
  return { x, y };
}

/** Places in the order of columns from which on the side is the other one; those behind the last are left out. */
function crossingsOf(
  { x, y }: ReturnType<typeof outline>,
  height: number,
  width: number,
): readonly number[] {
  const places: number[] = [];
  for (let j = 1; j < x.length; j++) {
    const [now = 0, before = 0] = [x[j], x[j - 1]];
    if (now === before) continue;
    const column = ((now < before ? now : now - 1) + 0.5) / FINER - 0.5;
    if (!Number.isInteger(column) || column < 0 || column > width - 1) continue;
    const upper = (Math.min(y[j] ?? 0, y[j - 1] ?? 0) + 0.5) / FINER - 0.5;
    places.push(column * height + Math.ceil(Math.min(Math.max(upper, 0), height)));
  }
  return places;
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
