import type { Stream } from '../random/stream.ts';

/** Rows in the order in which they came, [count, width]. */
export interface FeatureRows {
  readonly count: number;
  readonly width: number;
  readonly data: Float32Array;
}

/** Positions of rows, ascending; neither side is empty. */
export interface Halves {
  readonly first: Int32Array;
  readonly second: Int32Array;
}

const ITERATIONS = 20;

/**
 * Splits rows in two by 2-means, Lloyd's iterations from a k-means++ start (Arthur and Vassilvitskii
 * 2007): the first centre is a row drawn from all, the second is drawn by squared distance from it.
 * Computed in float64 in the order of the rows, so the bits are the same on every machine. Rows
 * that are all the same are split at random.
 * @param rows at least two
 */
export function twoMeans(rows: FeatureRows, stream: Stream): Halves {
  if (rows.count < 2) throw new RangeError(`twoMeans: ${rows.count} rows cannot be split`);
  const first = stream.int(0, rows.count - 1);
  const distances = squaredDistances(rows, first);
  const second = drawn(distances, stream);
  if (second === undefined) return shuffled(rows.count, stream);
  let sides = nearer(
    rows,
    Float64Array.from(row(rows, first)),
    Float64Array.from(row(rows, second)),
  );
  for (let i = 0; i < ITERATIONS; i++) {
    const centres = means(rows, sides);
    if (centres === undefined) return shuffled(rows.count, stream);
    const next = nearer(rows, ...centres);
    if (next.every((side, r) => side === sides[r])) break;
    sides = next;
  }
  return halves(sides) ?? shuffled(rows.count, stream);
}

function row({ width, data }: FeatureRows, index: number): Float32Array {
  return data.subarray(index * width, (index + 1) * width);
}

function squaredDistances(rows: FeatureRows, from: number): Float64Array {
  const { count, width, data } = rows;
  const centre = row(rows, from);
  const squares = new Float64Array(count);
  for (let r = 0; r < count; r++) {
    let sum = 0;
    for (let d = 0; d < width; d++) {
      const gap = (data[r * width + d] ?? 0) - (centre[d] ?? 0);
      sum += gap * gap;
    }
    squares[r] = sum;
  }
  return squares;
}

/** An index drawn with the given weights; none where all are 0. */
function drawn(weights: Float64Array, stream: Stream): number | undefined {
  let total = 0;
  for (const weight of weights) total += weight;
  if (!(total > 0)) return undefined;
  let left = stream.uniform() * total;
  let last: number | undefined;
  for (let r = 0; r < weights.length; r++) {
    const weight = weights[r] ?? 0;
    if (weight === 0) continue;
    last = r;
    left -= weight;
    if (left < 0) break;
  }
  return last;
}

/** 1 for each row that is nearer to the second centre: 2 <x, b - a> > |b|^2 - |a|^2. */
function nearer({ count, width, data }: FeatureRows, a: Float64Array, b: Float64Array): Uint8Array {
  const axis = new Float64Array(width);
  let bound = 0;
  for (let d = 0; d < width; d++) {
    const [x, y] = [a[d] ?? 0, b[d] ?? 0];
    axis[d] = y - x;
    bound += (y - x) * (y + x);
  }
  const sides = new Uint8Array(count);
  for (let r = 0; r < count; r++) {
    let sum = 0;
    const at = r * width;
    for (let d = 0; d < width; d++) sum += (data[at + d] ?? 0) * (axis[d] ?? 0);
    sides[r] = 2 * sum > bound ? 1 : 0;
  }
  return sides;
}

/** The mean row of each side; none where one has no rows. */
function means(
  { count, width, data }: FeatureRows,
  sides: Uint8Array,
): readonly [Float64Array, Float64Array] | undefined {
  const a = new Float64Array(width);
  const b = new Float64Array(width);
  let inB = 0;
  for (let r = 0; r < count; r++) {
    const sum = sides[r] === 1 ? b : a;
    inB += sides[r] ?? 0;
    const at = r * width;
    for (let d = 0; d < width; d++) sum[d] = (sum[d] ?? 0) + (data[at + d] ?? 0);
  }
  if (inB === 0 || inB === count) return undefined;
  return [a.map((x) => x / (count - inB)), b.map((x) => x / inB)];
}

function halves(sides: Uint8Array): Halves | undefined {
  const of = (side: number) => Int32Array.from([...sides.keys()].filter((r) => sides[r] === side));
  const [first, second] = [of(0), of(1)];
  return first.length === 0 || second.length === 0 ? undefined : { first, second };
}

function shuffled(count: number, stream: Stream): Halves {
  const order = stream.permutation(count);
  const middle = Math.floor(count / 2);
  return { first: order.slice(0, middle).sort(), second: order.slice(middle).sort() };
}

/** The mean of some rows, float32, added up in float64 in their order. */
export function meanRow(rows: FeatureRows, members: Int32Array): Float32Array {
  const sum = new Float64Array(rows.width);
  for (const member of members) {
    const values = row(rows, member);
    for (let d = 0; d < rows.width; d++) sum[d] = (sum[d] ?? 0) + (values[d] ?? 0);
  }
  return Float32Array.from(sum, (x) => x / members.length);
}

/** What the second half consists of. @param members of the rows, in their order */
export function secondHalf(members: Int32Array, { second }: Halves): Int32Array {
  return second.map((place) => members[place] ?? 0);
}
