import { breath } from '../base/breath.ts';
import type { LayerFeatures } from '../features/layers.ts';
import { stream } from '../random/stream.ts';

/** Rows that are read at a time. */
const PIECE = 4096;

/**
 * The rows of some images, in the order of `indices`.
 * @returns float32 [indices, D]
 */
export async function rowsAt(
  features: LayerFeatures,
  indices: Int32Array,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const { count, width } = features;
  const out = new Float32Array(indices.length * width);
  const wanted = indices.map((_, place) => place);
  wanted.sort((a, b) => (indices[a] ?? 0) - (indices[b] ?? 0));
  const next = (place: number) => indices[wanted[place] ?? -1] ?? count;
  for (let first = 0, place = 0; place < wanted.length; first += PIECE) {
    await breath(signal);
    const end = Math.min(first + PIECE, count);
    if (next(place) >= end) continue;
    const rows = await features.rows(first, end - first);
    for (; next(place) < end; place++) {
      const from = (next(place) - first) * width;
      out.set(rows.subarray(from, from + width), (wanted[place] ?? 0) * width);
    }
  }
  return out;
}

/** All places of `count`, or `most` of them that are drawn from the seed, ascending. */
export function sampled(count: number, most: number, seed: number, purpose: string): Int32Array {
  if (count <= most) return Int32Array.from({ length: count }, (_, i) => i);
  return stream(seed, 'pictures', purpose).permutation(count).slice(0, most).sort();
}
