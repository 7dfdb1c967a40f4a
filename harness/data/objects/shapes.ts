import { cos, sin } from '../../random/elementary.ts';

/** A line x nx + y ny = reach with a normal of length 1; inside is where the left side is smaller. */
type Edge = readonly [nx: number, ny: number, reach: number];

/** A kind of shape of radius 1 about 0, 0, that a picture may show turned and scaled. */
export interface Shape {
  readonly name: string;
  /** Its outline, x and y of each corner, in order. */
  readonly outline: readonly (readonly [number, number])[];
  /** Convex parts that it is made of: a point is inside where all edges of one of them say so. */
  readonly parts: readonly (readonly Edge[])[];
}

const TURN = 2 * Math.PI;

/** Corners on a circle of `radius`, from `start` (in turns) on. */
function ring(corners: number, radius: number, start: number): [number, number][] {
  return Array.from({ length: corners }, (_, i) => {
    const angle = TURN * (start + i / corners);
    return [radius * cos(angle), radius * sin(angle)];
  });
}

/** The edges of a convex polygon whose corners go round in the direction of growing angles. */
function edgesOf(corners: readonly (readonly [number, number])[]): Edge[] {
  return corners.map(([x, y], i) => {
    const [nextX, nextY] = corners[(i + 1) % corners.length] ?? [x, y];
    const [nx, ny] = [nextY - y, x - nextX];
    const length = Math.sqrt(nx * nx + ny * ny);
    return [nx / length, ny / length, (nx * x + ny * y) / length];
  });
}

function convex(name: string, outline: readonly (readonly [number, number])[]): Shape {
  return { name, outline, parts: [edgesOf(outline)] };
}

const HALF = 0.35; // of the width of a cross's arms, over its radius
const box = (x: number, y: number): [number, number][] => [
  [x, -y],
  [x, y],
  [-x, y],
  [-x, -y],
];

/** Two bars across each other. */
function cross(): Shape {
  const quarter: [number, number][] = [
    [HALF, HALF],
    [HALF, 1],
    [-HALF, 1],
  ];
  const outline = [0, 1, 2, 3].flatMap((turns) =>
    quarter.map(([x, y]): [number, number] => {
      if (turns === 0) return [x, y];
      if (turns === 1) return [-y, x];
      return turns === 2 ? [-x, -y] : [y, -x];
    }),
  );
  return { name: 'cross', outline, parts: [edgesOf(box(HALF, 1)), edgesOf(box(1, HALF))] };
}

/** Two triangles across each other. */
function star(): Shape {
  const inner = 1 / Math.sqrt(3);
  const outline = ring(6, 1, 0).flatMap((point, i) => {
    const angle = TURN * ((i + 0.5) / 6);
    return [point, [inner * cos(angle), inner * sin(angle)] as [number, number]];
  });
  return { name: 'star', outline, parts: [edgesOf(ring(3, 1, 0)), edgesOf(ring(3, 1, 0.5))] };
}

/** Classes of drawn objects, by label. */
export const SHAPES: readonly Shape[] = [
  convex('disc', ring(24, 1, 0)),
  convex('square', ring(4, 1, 1 / 8)),
  convex('triangle', ring(3, 1, 1 / 4)),
  cross(),
  star(),
  convex('bar', box(1, 0.3)),
];

/** A shape in a picture. */
export interface PlacedShape {
  readonly shape: Shape;
  readonly x: number;
  readonly y: number;
  /** Pixels. */
  readonly radius: number;
  /** Cosine and sine of the angle by which it is turned. */
  readonly direction: readonly [number, number];
}

/** Its outline in pixels: x, y, x, y, … */
export function outlineOf({ shape, x, y, radius, direction: [c, s] }: PlacedShape): Float64Array {
  return Float64Array.from(
    shape.outline.flatMap(([u, v]) => [x + radius * (c * u - s * v), y + radius * (s * u + c * v)]),
  );
}

/** How far a point lies inside a shape, in pixels; negative outside. */
export function depthIn(
  { shape, x, y, radius, direction: [c, s] }: PlacedShape,
  atX: number,
  atY: number,
): number {
  const u = (c * (atX - x) + s * (atY - y)) / radius;
  const v = (c * (atY - y) - s * (atX - x)) / radius;
  let deepest = Number.NEGATIVE_INFINITY;
  for (const part of shape.parts) {
    let depth = Number.POSITIVE_INFINITY;
    for (const [nx, ny, reach] of part) depth = Math.min(depth, reach - nx * u - ny * v);
    deepest = Math.max(deepest, depth);
  }
  return deepest * radius;
}
