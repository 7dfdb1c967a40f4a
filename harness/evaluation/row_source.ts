import { UserError } from '../base/errors.ts';
import type { LabelledFeatures } from './rows.ts';

/** Rows of numbers, in memory or on disk, of which any part can be asked for. */
export interface RowSource {
  /** N. */
  readonly count: number;
  /** D. */
  readonly width: number;
  /** float32 [count, D]: rows `first` to `first + count - 1`. */
  rows(first: number, count: number): Promise<Float32Array>;
}

export function inMemory({
  features,
  width,
}: Pick<LabelledFeatures, 'features' | 'width'>): RowSource {
  return {
    count: features.length / width,
    width,
    rows: async (first, count) => features.subarray(first * width, (first + count) * width),
  };
}

/** Hands over all rows, some at a time, so that no more than `most` numbers are held. */
export async function eachPart(
  source: RowSource,
  most: number,
  take: (part: Float32Array, first: number, count: number) => Promise<void>,
): Promise<void> {
  const step = Math.max(1, Math.floor(most / source.width));
  for (let first = 0; first < source.count; first += step) {
    const count = Math.min(step, source.count - first);
    await take(await source.rows(first, count), first, count);
  }
}

/** @throws UserError that names the first row with a value that is no finite number */
export function checkFinite(what: string, part: Float32Array, width: number, first: number): void {
  for (let i = 0; i < part.length; i++) {
    if (Number.isFinite(part[i])) continue;
    throw new UserError(
      `k-NN: row ${first + Math.floor(i / width)} of the ${what} holds ${part[i]}; ` +
        'expected finite features: are the weights those of a run that diverged?',
    );
  }
}
