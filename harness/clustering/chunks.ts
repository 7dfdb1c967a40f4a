/**
 * Computes something of many samples, a piece of them at a time. Graphs have fixed shapes, so the
 * last piece is filled up with sample 0, and what comes of that is dropped.
 * @param size samples of a piece
 * @param ask gives `width` values a sample
 */
export async function inPieces<T extends Int32Array | Float32Array>(
  samples: Int32Array,
  size: number,
  into: T,
  ask: (piece: Int32Array) => Promise<ArrayLike<number>>,
): Promise<T> {
  const width = into.length / Math.max(1, samples.length);
  for (let from = 0; from < samples.length; from += size) {
    const piece = new Int32Array(size);
    const some = samples.subarray(from, from + size);
    piece.set(some);
    const values = await ask(piece);
    for (let i = 0; i < some.length * width; i++) into[from * width + i] = values[i] ?? 0;
  }
  return into;
}
