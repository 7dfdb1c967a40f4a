import { merged, type Rle } from './rle.ts';

const SCALE = 5; // points that the outline has a pixel

/**
 * The pixels of a polygon as pycocotools fills it: the outline is walked in fifths of a pixel, and where
 * it passes the middle of a column, inside and outside change places.
 * @param points x, y, x, y, …, in pixels; at most some thousand pixels outside
 */
export function rleOfPolygon(height: number, width: number, points: ArrayLike<number>): Rle {
  const changes = changesOf(outline(points), height, width).sort();
  const counts: number[] = [];
  // Two changes in one place are none: the run before them goes on behind them.
  let [last, join] = [0, false];
  for (const [i, place] of [...changes, height * width].entries()) {
    const run = place - last;
    last = place;
    if (join) {
      counts.push((counts.pop() ?? 0) + run);
      join = false;
    } else if (run > 0 || i === 0) counts.push(run);
    else join = true;
  }
  return { height, width, counts: Uint32Array.from(counts) };
}

/** The pixels of any of an object's polygons. */
export function rleOfPolygons(
  height: number,
  width: number,
  polygons: readonly ArrayLike<number>[],
): Rle {
  const [first, ...rest] = polygons.map((points) => rleOfPolygon(height, width, points));
  if (first === undefined) return { height, width, counts: Uint32Array.of(height * width) };
  return merged([first, ...rest]);
}

/** Whether an outline goes farther out of its picture than the picture is long: no object does, and walking it takes memory. */
export function isFarOutside(points: ArrayLike<number>, height: number, width: number): boolean {
  const far = Math.max(width, height);
  return Array.from(points).some((at, i) => at < -far || at > far + (i % 2 === 0 ? width : height));
}

interface Outline {
  readonly x: Int32Array;
  readonly y: Int32Array;
}

/** Every point of the outline on the finer grid; a corner is there twice. */
function outline(points: ArrayLike<number>): Outline {
  const corners = Math.floor(points.length / 2);
  const on = (at: number) => Math.trunc(SCALE * (points[at] ?? 0) + 0.5);
  const sides = Array.from({ length: corners }, (_, j) => {
    const next = (j + 1) % corners;
    return [on(2 * j), on(2 * j + 1), on(2 * next), on(2 * next + 1)] as const;
  });
  const length = sides.reduce(
    (sum, [x, y, toX, toY]) => sum + Math.max(Math.abs(x - toX), Math.abs(y - toY)) + 1,
    0,
  );
  const made = { x: new Int32Array(length), y: new Int32Array(length) };
  let m = 0;
  for (const side of sides) m = walk(made, m, side);
  return made;
}

/** Writes a side's points from place `m` on, always reckoned from its lower end. @returns the next place */
function walk(
  { x, y }: Outline,
  m: number,
  [x0, y0, x1, y1]: readonly [number, number, number, number],
): number {
  const [dx, dy] = [Math.abs(x1 - x0), Math.abs(y1 - y0)];
  const flat = dx >= dy;
  const back = flat ? x0 > x1 : y0 > y1;
  const [xs, ys, xe, ye] = back ? [x1, y1, x0, y0] : [x0, y0, x1, y1];
  const steps = flat ? dx : dy;
  const slope = steps === 0 ? 0 : (flat ? ye - ys : xe - xs) / steps;
  let at = m;
  for (let d = 0; d <= steps; d++) {
    const t = back ? steps - d : d;
    x[at] = flat ? t + xs : Math.trunc(xs + slope * t + 0.5);
    y[at++] = flat ? Math.trunc(ys + slope * t + 0.5) : t + ys;
  }
  return at;
}

/** Places, down the columns, at which inside and outside change. */
function changesOf({ x, y }: Outline, height: number, width: number): Uint32Array {
  const places: number[] = [];
  for (let j = 1; j < x.length; j++) {
    const [here, before] = [x[j] ?? 0, x[j - 1] ?? 0];
    if (here === before) continue;
    const column = ((here < before ? here : here - 1) + 0.5) / SCALE - 0.5;
    if (Math.floor(column) !== column || column < 0 || column > width - 1) continue;
    const row = (Math.min(y[j] ?? 0, y[j - 1] ?? 0) + 0.5) / SCALE - 0.5;
    places.push(column * height + Math.ceil(Math.min(Math.max(row, 0), height)));
  }
  return Uint32Array.from(places);
}
