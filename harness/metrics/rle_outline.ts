import type { Rle } from './rle.ts';

/** From one corner to another, with what is inside on its right as seen on a picture: y grows downwards. */
interface Edge {
  readonly from: number;
  readonly to: number;
  used: boolean;
}

/**
 * The outline of a mask along the sides of its pixels, as one polygon: rings around parts and holes, each reached from
 * the first corner and left again the same way, which bounds nothing. Filled, by the even-odd rule as `rleFrPoly` has it,
 * it is the mask again.
 * @returns x, y, x, y, … in whole pixels; empty where nothing is inside
 */
export function outlineOfRle(mask: Rle): Float64Array {
  const rings = ringsOf(edgesOf(mask), mask.height + 1);
  const [first = []] = rings;
  const start = first.slice(0, 2);
  const others = rings.slice(1).flatMap((ring) => [...ring, ...ring.slice(0, 2), ...start]);
  return Float64Array.from([...first, ...(others.length > 0 ? start : []), ...others]);
}

/** Runs inside of each column, as [first, last + 1) of its rows. */
function columnsOf({ height, width, counts }: Rle): readonly (readonly number[])[] {
  const columns: number[][] = Array.from({ length: width }, () => []);
  let at = 0;
  for (const [i, count] of counts.entries()) {
    const end = at + count;
    while (i % 2 === 1 && at < end) {
      const x = Math.floor(at / height);
      const stop = Math.min(end, (x + 1) * height);
      const column = columns[x] ?? [];
      // A run of no pixels outside joins its neighbours.
      if (column.at(-1) === at - x * height) column[column.length - 1] = stop - x * height;
      else column.push(at - x * height, stop - x * height);
      at = stop;
    }
    at = end;
  }
  return columns;
}

/** Sides of pixels between inside and outside; corner (x, y) is x (height + 1) + y. */
function edgesOf(mask: Rle): Edge[] {
  const columns = columnsOf(mask);
  const corner = (x: number, y: number) => x * (mask.height + 1) + y;
  const edges: Edge[] = [];
  const add = (from: number, to: number) => edges.push({ from, to, used: false });
  for (let x = 0; x <= columns.length; x++) {
    const [left, right] = [columns[x - 1] ?? [], columns[x] ?? []];
    for (const [i, y] of right.entries())
      if (i % 2 === 0) add(corner(x, y), corner(x + 1, y));
      else add(corner(x + 1, y), corner(x, y));
    const rows = [...new Set([...left, ...right])].sort((a, b) => a - b);
    for (let i = 1; i < rows.length; i++) {
      const [top = 0, bottom = 0] = [rows[i - 1], rows[i]];
      const [before, behind] = [covers(left, top), covers(right, top)];
      if (before && !behind) add(corner(x, top), corner(x, bottom));
      if (behind && !before) add(corner(x, bottom), corner(x, top));
    }
  }
  return edges;
}

function covers(runs: readonly number[], y: number): boolean {
  return runs.some((first, i) => i % 2 === 0 && first <= y && y < (runs[i + 1] ?? 0));
}

/** Edges joined to rings, of which corners on a straight side are left out. */
function ringsOf(edges: readonly Edge[], rows: number): number[][] {
  const leaving = new Map<number, Edge[]>();
  for (const edge of edges) leaving.set(edge.from, [...(leaving.get(edge.from) ?? []), edge]);
  const next = (corner: number) => leaving.get(corner)?.find(({ used }) => !used);
  return edges.flatMap((edge) => {
    if (edge.used) return [];
    const corners: number[] = [];
    for (let now: Edge | undefined = edge; now !== undefined; now = next(now.to)) {
      now.used = true;
      corners.push(now.from);
    }
    return [turns(corners.map((corner) => [Math.floor(corner / rows), corner % rows] as const))];
  });
}

/** @returns x, y, x, y, … of the corners where a ring turns */
function turns(ring: readonly (readonly [number, number])[]): number[] {
  return ring.flatMap(([x, y], i) => {
    const [beforeX, beforeY] = ring.at(i - 1) ?? [0, 0];
    const [afterX, afterY] = ring[(i + 1) % ring.length] ?? [0, 0];
    const straight = (beforeX === x && x === afterX) || (beforeY === y && y === afterY);
    return straight ? [] : [x, y];
  });
}
