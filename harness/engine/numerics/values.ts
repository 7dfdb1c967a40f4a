import { sha256 } from '../../base/hash.ts';
import { fillNormal, stream } from '../../random/stream.ts';
import { type HostArray, hostArray, sizeOf } from '../array.ts';
import type { Input } from './case.ts';

/** A prime, so that no row of an image starts where another one did. */
const DRAWN = 65_537;

type Drawn = Exclude<Input, { readonly kind: 'integer' | 'integers' }>;

let pool: Float32Array | undefined;

/**
 * The values of an input. All are read from one ring of draws, each from a place of its own, as drawing every one
 * would take longer than what is measured.
 * @param key names the input; equal keys have equal values
 */
export function valuesOf(key: string, input: Drawn): HostArray {
  const count = sizeOf(input.shape);
  const draws = ring(key, count);
  if (input.kind === 'places') {
    const places = Int32Array.from(draws, (draw) => Math.floor(Math.abs(draw) * 1e6) % input.below);
    return hostArray('int32', input.shape, places);
  }
  const data = input.kind === 'positive' ? draws.map((draw) => Math.abs(draw) + 0.0625) : draws;
  return hostArray('float32', input.shape, data);
}

function ring(key: string, count: number): Float32Array {
  pool ??= fillNormal(stream(0, 'numerics'), new Float32Array(DRAWN), 1);
  const values = new Float32Array(count);
  let from = Number.parseInt(sha256(key).slice(0, 8), 16) % DRAWN;
  for (let at = 0; at < count; from = 0) {
    const piece = pool.subarray(from, from + count - at);
    values.set(piece, at);
    at += piece.length;
  }
  return values;
}
