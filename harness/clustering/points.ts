import { UserError } from '../base/errors.ts';

/** Rows of numbers, float32 [count, width]. */
export interface Points {
  readonly values: Float32Array;
  readonly count: number;
  readonly width: number;
}

/**
 * Rows that can be clustered.
 * @throws UserError where there are none, or naming the first that is not finite.
 */
export function pointsOf(values: Float32Array, width: number): Points {
  const count = values.length / width;
  if (!Number.isInteger(count) || count === 0)
    throw new UserError(`clustering: ${values.length} numbers are no rows of ${width}`);
  const bad = values.findIndex((x) => !Number.isFinite(x));
  if (bad >= 0)
    throw new UserError(
      `clustering: row ${Math.floor(bad / width)} of ${count} has ${values[bad]} in column ` +
        `${bad % width}; expected finite features`,
    );
  return { values, count, width };
}

/** Equal pieces of at most so many rows; the last one is short of `rows`. */
export interface Pieces {
  readonly rows: number;
  readonly pieces: number;
}

export function piecesOf(count: number, most: number): Pieces {
  const pieces = Math.ceil(count / most);
  return { rows: Math.ceil(count / pieces), pieces };
}

/** One piece of points, filled up with zeros. */
export interface Piece {
  /** float32 [rows, width]; the same memory for every piece. */
  readonly values: Float32Array;
  /** Index of its first row. */
  readonly from: number;
  /** Rows that are points. */
  readonly valid: number;
}

/** The pieces of points in order. */
export function* eachPiece({ values, count, width }: Points, rows: number): Generator<Piece> {
  const memory = new Float32Array(rows * width);
  for (let from = 0; from < count; from += rows) {
    const valid = Math.min(rows, count - from);
    memory.set(values.subarray(from * width, (from + valid) * width));
    memory.fill(0, valid * width);
    yield { values: memory, from, valid };
  }
}
