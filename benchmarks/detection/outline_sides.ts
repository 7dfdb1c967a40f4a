import type { Polygon } from './polygons.ts';

/** Sides of all polygons of an object, each closed. */
export function sideCount(polygons: readonly Polygon[]): number {
  return polygons.reduce((sum, polygon) => sum + (polygon.length >> 1), 0);
}

/**
 * Outlines as a step takes them: from corner to corner, x, y, x, y, and which polygon of its object a side is of. What is
 * left over of `most` sides are points, which bound nothing.
 * @returns `sides` float64 [objects, most, 4], `parts` int32 [objects, most]
 */
export function sidesOf(objects: readonly (readonly Polygon[])[], most: number) {
  const sides = new Float64Array(objects.length * most * 4);
  const parts = new Int32Array(objects.length * most);
  for (const [i, polygons] of objects.entries()) {
    let at = i * most;
    for (const [part, polygon] of polygons.entries()) {
      for (let k = 0; k < polygon.length; k += 2) {
        const next = (k + 2) % polygon.length;
        sides.set(polygon.subarray(k, k + 2), 4 * at);
        sides.set(polygon.subarray(next, next + 2), 4 * at + 2);
        parts[at++] = part;
      }
    }
  }
  return { sides, parts };
}
