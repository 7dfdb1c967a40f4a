import { UserError } from '../base/index.ts';
import type { Batch } from '../data/loader/batch.ts';
import type { Features, Host } from '../experiment/index.ts';

/** What features may take in memory. */
const MOST_BYTES = 16 * 2 ** 30;
const FLOAT_BYTES = 4;

/**
 * Features of all training images, computed when they are asked for first, from networks that never learn:
 * a run that goes on has the same ones, whatever epoch it goes on at.
 */
export class RowCache {
  private readonly width: number;
  private features: Features | undefined;

  /** @param width values of an image, as the model says */
  constructor(width: number) {
    this.width = width;
  }

  /** @throws UserError where they would not fit. */
  async of(host: Pick<Host, 'features' | 'samples' | 'log'>): Promise<Features> {
    if (this.features !== undefined) return this.features;
    const { width } = this;
    const bytes = host.samples * width * FLOAT_BYTES;
    if (bytes > MOST_BYTES)
      throw new UserError(
        `method.cache: ${host.samples} images of ${width} values take ${gib(bytes)} GiB, and at most ` +
          `${gib(MOST_BYTES)} are kept; leave cache out, or ask for fewer levels`,
      );
    host.log.info(`computing ${width} features of each of ${host.samples} images, once`);
    const found = await host.features();
    if (found.width !== width)
      throw new Error(`features: ${found.width} values an image, the model says ${width}`);
    this.features = found;
    return found;
  }
}

function gib(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(1);
}

/** Batches with the features of the images of this process's replicas. */
export async function* withRows(
  batches: Iterable<Batch>,
  { values, width }: Features,
): AsyncIterableIterator<Batch> {
  for (const batch of batches) {
    const { own = batch.indices } = batch;
    const rows = new Float32Array(own.length * width);
    for (const [place, index] of own.entries())
      rows.set(values.subarray(index * width, (index + 1) * width), place * width);
    yield { ...batch, rows };
  }
}
