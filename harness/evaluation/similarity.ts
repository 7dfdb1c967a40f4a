import { breath } from '../base/breath.ts';
import { UserError } from '../base/errors.ts';
import { ProductKernel } from './kernels/products.ts';
import { checkFinite, eachPart, type RowSource } from './row_source.ts';

/** How near two rows are: their cosine, their product, or their distance with a minus. */
export type Similarity = 'cosine' | 'dot' | 'euclidean';
export const SIMILARITIES = ['cosine', 'dot', 'euclidean'] as const;

/** Rows in the form in which similarities are computed. */
export type ExactRows = Int32Array | Float32Array;

/** Coordinates of unit rows are rounded to multiples of 2^-26. */
export const GRID = 2 ** 26;

const PIECE = 2 ** 22; // numbers between two breaths

/**
 * Two ways to the same similarities: by a float32 product on the engine, which is fast and a little off,
 * and one by one on the host, whose bits are always the same.
 */
export interface Measure {
  /** float32 for the engine: the score of a pair is their product, plus the reference's `bias`. */
  screened(rows: ExactRows): Float32Array;
  /** float32, a value for each row; undefined where it is 0. */
  bias(screened: Float32Array): Float32Array | undefined;
  /** What decides the similarity, of rows as they come. */
  exact(rows: Float32Array): ExactRows;
  /** Room for references in their exact form, and for a comparison of `most` at a time. */
  store(count: number, most: number): Store;
  /** Whether scores are similarities, and so can be held to them. */
  readonly comparable: boolean;
  /** How far a score may be from the truth at most, for a query of that form. */
  error(screened: Float32Array, query: number): number;
}

/** References in their exact form. */
export interface Store {
  set(part: ExactRows, place: number): void;
  /**
   * Similarities of a query, one row of the exact form, with references; larger is nearer.
   * @param first the place that the store's first row has
   * @param to takes them, float64 [places]
   */
  compare(query: ExactRows, places: Int32Array, first: number, to: Float64Array): void;
}

/** @param references are looked through once where lengths matter; all in pieces */
export async function measureOf(
  similarity: Similarity,
  references: RowSource,
  signal?: AbortSignal,
): Promise<Measure> {
  if (similarity === 'cosine') return cosine(references.width);
  if (similarity === 'dot') return dot(references.width, await longest(references, signal));
  const centre = await meanRow(references, signal);
  return euclidean(centre, await longest(references, signal, centre));
}

/**
 * Coordinates of unit rows are multiples of 2^-26, so products are multiples of 2^-52 and every sum of
 * them is below 2 (Cauchy-Schwarz): float64 holds each exactly, in whatever order they are added. The
 * rounding moves a cosine by about 1e-8, as float32 features do themselves. A row of zeros is as near to
 * all.
 */
function cosine(width: number): Measure {
  const error = roundings(width) * 1.01;
  return {
    exact: (rows) => onGrid(rows, width),
    screened: (rows) => {
      const units = new Float32Array(rows.length);
      for (let i = 0; i < rows.length; i++) units[i] = (rows[i] ?? 0) / GRID;
      return units;
    },
    bias: () => undefined,
    store: (count, most) => kernelStore(new ProductKernel(count, width, most)),
    comparable: true,
    error: () => error,
  };
}

/** Of products of `width` numbers in float32, in any order, over the product of the rows' lengths. */
function roundings(width: number): number {
  return (width + 8) * 2 ** -24;
}

/** int32 [N, D]: unit rows times 2^26; a row of zeros stays one. */
function onGrid(rows: Float32Array, width: number): Int32Array {
  const unit = new Int32Array(rows.length);
  for (let start = 0; start < rows.length; start += width) {
    let squares = 0;
    for (let i = start; i < start + width; i++) squares += (rows[i] ?? 0) ** 2;
    const scale = squares === 0 ? 0 : GRID / Math.sqrt(squares);
    for (let i = start; i < start + width; i++) unit[i] = Math.round((rows[i] ?? 0) * scale);
  }
  return unit;
}

/** @param longest length of the references */
function dot(width: number, longest: number): Measure {
  return {
    exact: (rows) => rows,
    screened: (rows) => Float32Array.from(rows),
    bias: () => undefined,
    store: (count) => plainStore(count, width, product),
    comparable: true,
    error: (screened, query) =>
      bounded(roundings(width) * lengthOf(screened, query * width, width) * longest, width),
  };
}

/**
 * |q - r|^2 = |q|^2 - 2 (<q, r> - |r|^2 / 2), all from the references' centre, so that float32 holds what
 * tells them apart. Distances themselves are of the rows as they are.
 */
function euclidean(centre: Float64Array, longest: number): Measure {
  const width = centre.length;
  return {
    exact: (rows) => rows,
    screened: (rows) => {
      const moved = new Float32Array(rows.length);
      for (let start = 0; start < rows.length; start += width)
        for (let i = 0; i < width; i++)
          moved[start + i] = (rows[start + i] ?? 0) - (centre[i] ?? 0);
      return moved;
    },
    bias: (screened) =>
      Float32Array.from(
        { length: screened.length / width },
        (_, row) => -(lengthOf(screened, row * width, width) ** 2) / 2,
      ),
    store: (count) =>
      plainStore(count, width, (rows, from, query) => -Math.sqrt(squares(rows, from, query))),
    comparable: false,
    error: (screened, query) => {
      const length = lengthOf(screened, query * width, width);
      return bounded(roundings(width) * (length + longest) * longest, width);
    },
  };
}

/** Room for values that are too small for float32. @throws UserError for those that are too large */
function bounded(error: number, width: number): number {
  if (!(error < 2 ** 100))
    throw new UserError(
      'k-NN: the features are too large for products in float32; use the metric cosine',
    );
  return 1.01 * error + width * 2 ** -120;
}

function kernelStore(kernel: ProductKernel): Store {
  const whole = (rows: ExactRows) => {
    if (rows instanceof Int32Array) return rows;
    throw new Error('k-NN: int32 expected');
  };
  return {
    set: (part, place) => kernel.set(whole(part), place),
    compare: (query, places, first, to) => {
      const products = kernel.products(whole(query), places, first);
      for (let i = 0; i < places.length; i++) to[i] = (products[i] ?? 0) / GRID ** 2;
    },
  };
}

function plainStore(
  count: number,
  width: number,
  similarity: (rows: Float32Array, from: number, query: Float64Array) => number,
): Store {
  const rows = new Float32Array(count * width);
  const held = new Float64Array(width);
  return {
    set: (part, place) => rows.set(part, place * width),
    compare: (query, places, first, to) => {
      held.set(query);
      for (let i = 0; i < places.length; i++)
        to[i] = similarity(rows, ((places[i] ?? 0) - first) * width, held);
    },
  };
}

// In four parts, always the same: the bits of a sum are those of its order.
function product(rows: Float32Array, from: number, query: Float64Array): number {
  let [s, t, u, v] = [0, 0, 0, 0];
  const whole = query.length - (query.length % 4);
  for (let i = 0; i < whole; i += 4) {
    s += (rows[from + i] as number) * (query[i] as number);
    t += (rows[from + i + 1] as number) * (query[i + 1] as number);
    u += (rows[from + i + 2] as number) * (query[i + 2] as number);
    v += (rows[from + i + 3] as number) * (query[i + 3] as number);
  }
  for (let i = whole; i < query.length; i++) s += (rows[from + i] ?? 0) * (query[i] ?? 0);
  return s + t + (u + v);
}

function squares(rows: Float32Array, from: number, query: Float64Array): number {
  let [s, t] = [0, 0];
  const whole = query.length - (query.length % 2);
  for (let i = 0; i < whole; i += 2) {
    const x = (rows[from + i] as number) - (query[i] as number);
    const y = (rows[from + i + 1] as number) - (query[i + 1] as number);
    s += x * x;
    t += y * y;
  }
  for (let i = whole; i < query.length; i++) s += ((rows[from + i] ?? 0) - (query[i] ?? 0)) ** 2;
  return s + t;
}

function lengthOf(rows: Float32Array, start: number, width: number): number {
  let squares = 0;
  for (let i = start; i < start + width; i++) squares += (rows[i] ?? 0) ** 2;
  return Math.sqrt(squares);
}

/** The largest length of a row, from a centre. */
async function longest(
  source: RowSource,
  signal?: AbortSignal,
  centre?: Float64Array,
): Promise<number> {
  const { width } = source;
  let most = 0;
  await eachPart(source, PIECE, async (part, first) => {
    await breath(signal);
    checkFinite('references', part, width, first);
    for (let start = 0; start < part.length; start += width) {
      let squares = 0;
      for (let i = 0; i < width; i++) squares += ((part[start + i] ?? 0) - (centre?.[i] ?? 0)) ** 2;
      most = Math.max(most, squares);
    }
  });
  return Math.sqrt(most);
}

async function meanRow(source: RowSource, signal?: AbortSignal): Promise<Float64Array> {
  const { width, count } = source;
  const sums = new Float64Array(width);
  await eachPart(source, PIECE, async (part) => {
    await breath(signal);
    for (let i = 0; i < part.length; i++) sums[i % width] = (sums[i % width] ?? 0) + (part[i] ?? 0);
  });
  return sums.map((sum) => sum / count);
}
