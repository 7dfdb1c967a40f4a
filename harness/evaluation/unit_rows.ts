import { breath } from '../base/breath.ts';

const PIECE = 2 ** 22; // numbers between two breaths

/**
 * Rows [N, width] scaled to length 1 and rounded to multiples of 1 / grid, so that sums of their
 * products are exact in any order; a row of zeros stays one.
 */
export async function unitRows(
  features: Float32Array,
  width: number,
  grid: number,
  signal?: AbortSignal,
): Promise<Float64Array> {
  const unit = new Float64Array(features.length);
  for (let start = 0, rest = 0; start < features.length; start += width, rest -= width) {
    if (rest <= 0) {
      await breath(signal);
      rest = PIECE;
    }
    let squares = 0;
    for (let i = start; i < start + width; i++) squares += (features[i] ?? 0) ** 2;
    const scale = squares === 0 ? 0 : grid / Math.sqrt(squares);
    for (let i = start; i < start + width; i++)
      unit[i] = Math.round((features[i] ?? 0) * scale) / grid;
  }
  return unit;
}
