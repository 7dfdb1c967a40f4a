import { UserError } from '../base/errors.ts';

/** Features, float32 [count, width], some rows at a time: what `LayerFeatures` gives as well. */
export interface Rows {
  readonly count: number;
  readonly width: number;
  rows(first: number, count: number): Promise<Float32Array>;
}

/** Features that lie in memory. */
export function rowsOf(values: Float32Array, width: number): Rows {
  return {
    count: values.length / width,
    width,
    rows: async (first, count) => values.subarray(first * width, (first + count) * width),
  };
}

/** Rows are multiplied so many at a time. */
const PIECE = 512;

/** One piece of rows, filled up with zeros. */
export interface Piece {
  /** float32 [size, width] */
  readonly values: Float32Array;
  readonly from: number;
  /** Rows that are there. */
  readonly valid: number;
}

/** Rows of a piece: equal pieces of at most 512. */
export function pieceSize({ count }: Rows): number {
  return Math.ceil(count / Math.ceil(count / PIECE));
}

export async function* pieces(rows: Rows, first = 0): AsyncGenerator<Piece> {
  const size = pieceSize(rows);
  for (let from = first; from < rows.count; from += size) {
    const valid = Math.min(size, rows.count - from);
    const found = await rows.rows(from, valid);
    if (valid === size) yield { values: found, from, valid };
    else {
      const values = new Float32Array(size * rows.width);
      values.set(found);
      yield { values, from, valid };
    }
  }
}

/**
 * 1 / (length + epsilon) of each row, in float64 (docs/reference/benchmarks.md, section 2.3).
 * @param name of the rows, for messages
 * @throws UserError naming the first number that is not finite
 */
export async function rowScales(rows: Rows, epsilon: number, name: string): Promise<Float64Array> {
  const { width } = rows;
  const scales = new Float64Array(rows.count);
  for await (const { values, from, valid } of pieces(rows))
    for (let row = 0; row < valid; row++) {
      let squares = 0;
      for (let i = row * width; i < (row + 1) * width; i++) squares += (values[i] ?? 0) ** 2;
      if (!Number.isFinite(squares)) throw notFinite(values, row, from, { width, name });
      scales[from + row] = 1 / (Math.sqrt(squares) + epsilon);
    }
  return scales;
}

function notFinite(
  values: Float32Array,
  row: number,
  from: number,
  { width, name }: { readonly width: number; readonly name: string },
): UserError {
  const column = values
    .subarray(row * width, (row + 1) * width)
    .findIndex((x) => !Number.isFinite(x));
  return new UserError(
    `${name}: row ${from + row} has ${values[row * width + column]} in column ${column}, ` +
      'expected finite features; look whether the weights are sound, and extract again',
  );
}
