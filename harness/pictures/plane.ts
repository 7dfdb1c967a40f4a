import { breath } from '../base/breath.ts';
import { stream } from '../random/stream.ts';
import { eigenvectors } from './jacobi.ts';

/** More directions than are asked for make the first ones exact sooner. */
const SPARE = 6;
const TURNS = 50;
/** A turn that adds less of the variance has found the directions. */
const SETTLED = 1e-8;

/** Points of a plane. */
export interface Plane {
  /** float64 [N, 2]. */
  readonly points: Float64Array;
  /** Share of the whole variance along each direction, from 0 to 1. */
  readonly shares: readonly [number, number];
}

/**
 * The rows' positions along their two directions of largest variance, by subspace iteration with plain
 * sums in double, from directions that are drawn from the seed. A direction's sign is free: its largest
 * part is positive here. Rows that do not vary lie at the origin.
 * @param values float32 [N, width]
 */
export async function principalPlane(
  values: Float32Array,
  width: number,
  seed: number,
  signal?: AbortSignal,
): Promise<Plane> {
  const count = values.length / width;
  const centred = centredRows(values, width);
  const total = centred.reduce((sum, x) => sum + x * x, 0);
  const block = Math.min(width, 2 + SPARE);
  const draws = stream(seed, 'principal plane');
  let basis: Float64Array[] = Array.from({ length: block }, () =>
    Float64Array.from({ length: width }, () => draws.normal()),
  );
  orthonormalise(basis);
  let before = -1;
  for (let turn = 0; turn < TURNS; turn++) {
    await breath(signal);
    const along = basis.map((direction) => products(centred, direction));
    const turns = eigenvectors(along.map((a) => Float64Array.from(along, (b) => dot(a, b))));
    const found = turns.slice(0, 2).map((mix) => sumOf(along, mix));
    const held = found.reduce((sum, positions) => sum + dot(positions, positions), 0);
    if (held - before <= SETTLED * total) {
      basis = turns.map((mix) => sumOf(basis, mix));
      break;
    }
    before = held;
    basis = turns.map((mix) => combination(centred, sumOf(along, mix), width));
    orthonormalise(basis);
  }
  return planeOf(centred, basis, { count, width, total });
}

/** Vectors of one length, each times its factor, added. */
function sumOf(vectors: readonly Float64Array[], factors: Float64Array): Float64Array {
  const out = new Float64Array(vectors[0]?.length ?? 0);
  for (const [p, vector] of vectors.entries())
    for (let d = 0; d < out.length; d++)
      out[d] = (out[d] ?? 0) + (factors[p] ?? 0) * (vector[d] ?? 0);
  return out;
}

function centredRows(values: Float32Array, width: number): Float64Array {
  const count = values.length / width;
  const mean = new Float64Array(width);
  for (let i = 0; i < values.length; i++) {
    const d = i % width;
    mean[d] = (mean[d] ?? 0) + (values[i] ?? 0);
  }
  return Float64Array.from(values, (x, i) => x - (mean[i % width] ?? 0) / count);
}

/** Each row's position along a direction. */
function products(rows: Float64Array, direction: Float64Array): Float64Array {
  const width = direction.length;
  const out = new Float64Array(rows.length / width);
  for (let i = 0, at = 0; i < out.length; i++) {
    let sum = 0;
    for (let d = 0; d < width; d++, at++) sum += (rows[at] ?? 0) * (direction[d] ?? 0);
    out[i] = sum;
  }
  return out;
}

/** The sum of rows, each times its factor. */
function combination(rows: Float64Array, factors: Float64Array, width: number): Float64Array {
  const out = new Float64Array(width);
  for (let i = 0, at = 0; i < factors.length; i++) {
    const factor = factors[i] ?? 0;
    for (let d = 0; d < width; d++, at++) out[d] = (out[d] ?? 0) + factor * (rows[at] ?? 0);
  }
  return out;
}

const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, d) => sum + x * (b[d] ?? 0), 0);

/** Gram-Schmidt in place, twice for the digits; a vector in the span of those before becomes 0. */
function orthonormalise(basis: readonly Float64Array[]): void {
  for (const [p, vector] of basis.entries()) {
    const length = Math.sqrt(dot(vector, vector));
    for (let again = 0; again < 2; again++)
      for (const earlier of basis.slice(0, p)) {
        const shared = dot(vector, earlier);
        for (let d = 0; d < vector.length; d++)
          vector[d] = (vector[d] ?? 0) - shared * (earlier[d] ?? 0);
      }
    const left = Math.sqrt(dot(vector, vector));
    const scale = left <= 1e-12 * length || left === 0 ? 0 : 1 / left;
    for (let d = 0; d < vector.length; d++) vector[d] = (vector[d] ?? 0) * scale;
  }
}

interface Shape {
  readonly count: number;
  readonly width: number;
  readonly total: number;
}

function planeOf(
  centred: Float64Array,
  basis: readonly Float64Array[],
  { count, width, total }: Shape,
): Plane {
  const points = new Float64Array(count * 2);
  const shares = [0, 1].map((p) => {
    const direction = basis[p] ?? new Float64Array(width);
    const positions = products(centred, direction);
    let top = 0;
    for (let d = 1; d < width; d++)
      if (Math.abs(direction[d] ?? 0) > Math.abs(direction[top] ?? 0)) top = d;
    const sign = (direction[top] ?? 0) < 0 ? -1 : 1;
    for (const [i, position] of positions.entries()) points[i * 2 + p] = sign * position;
    return total === 0 ? 0 : dot(positions, positions) / total;
  });
  return { points, shares: [shares[0] ?? 0, shares[1] ?? 0] };
}
