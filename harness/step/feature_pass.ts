import { sizeOf } from '../engine/array.ts';
import { inTurns, type TurnGroup } from './turns.ts';

/** Some images in order. */
export interface Piece {
  /** uint8 [count, size, size, C]; valid until the next piece is asked for. */
  readonly images: Uint8Array;
  readonly count: number;
  /** Index of the first image. */
  readonly first: number;
}

/** Rows of some images. */
export interface PieceRows {
  /** float32 [count, D]. */
  readonly rows: Float32Array;
  /** Index of the first image. */
  readonly first: number;
}

export interface FeaturePass {
  /** What it is of, for messages. */
  readonly name: string;
  /** Images of all processes together. */
  readonly count: number;
  /** Of a compiled batch: [N, size, size, C]. */
  readonly shape: readonly [number, number, number, number];
  /** All images in pieces of N, or with a group those that fall to this process. */
  readonly pieces: AsyncIterable<Piece>;
  /** float32 [count, D] of the first `count` images of a batch; the rest is padding. */
  extract(images: Uint8Array, count: number): Promise<Float32Array>;
  /** Processes that take turns. */
  readonly group?: TurnGroup | undefined;
  /** As of `inTurns`. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Rows of all images in order. Every batch is computed whole at its compiled size, whichever process does it, so
 * the bits are those of one process.
 */
export async function* featurePass(pass: FeaturePass): AsyncGenerator<PieceRows> {
  const { name, count, shape, group, signal } = pass;
  const [each] = shape;
  const batches = Math.ceil(count / each);
  for await (const { batch, rows } of inTurns({ group, name, batches, signal }, ownRows(pass)))
    yield { rows, first: batch * each };
}

async function* ownRows({ shape, pieces, extract }: FeaturePass): AsyncGenerator<Float32Array> {
  const batch = new Uint8Array(sizeOf(shape));
  for await (const { images, count } of pieces) {
    batch.set(images);
    yield await extract(batch, count);
  }
}
