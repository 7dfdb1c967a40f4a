import type { Group } from '../../cluster/group.ts';
import type { Source } from '../source.ts';
import type { SourceSpec, ViewSpec } from '../spec.ts';
import { type OpenPoolOptions, openedSource, openPool } from './open_pool.ts';
import { ahead, Ring } from './prefetch.ts';

/** Images in order, as evaluation takes them. */
export interface OrderedSetup extends OpenPoolOptions {
  readonly spec: SourceSpec;
  /** Data folder. */
  readonly data: string;
  readonly pipeline: ViewSpec;
  /** Side of the images, in pixels. */
  readonly size: number;
  readonly batch: number;
  /** The source where it is open already: nothing is looked for or hashed again. */
  readonly source?: Source | undefined;
  /** Processes that take turns: this one reads and makes the batches rank, rank + processes, … alone. */
  readonly group?: Pick<Group, 'rank' | 'processes'> | undefined;
}

export interface OrderedImages {
  /** uint8 [count, size, size, 3]; valid until the second request after the one that gave it. */
  readonly images: Uint8Array;
  readonly count: number;
  /** Index of the first image. */
  readonly first: number;
}

// Below it, starting threads (0.4 s) takes longer than they save: 4096 images of side 32.
const FEW_PIXELS = 1 << 22;

/**
 * All images of a source, in order, for evaluation, or this process's batches of them; the last batch is
 * short. What is random in the pipeline is drawn from seed 0.
 * @throws ImageError that names the sample, for one that cannot be read.
 */
export async function* orderedImages(setup: OrderedSetup): AsyncIterableIterator<OrderedImages> {
  const { batch, size, group = { rank: 0, processes: 1 } } = setup;
  const fill = { ...setup, seed: 0, pipelines: [setup.pipeline] };
  const source = setup.source ?? (await openedSource(fill));
  const few = (source.count / group.processes) * size ** 2 <= FEW_PIXELS;
  const here = setup.workers === undefined && few ? { ...fill, workers: 0 } : fill;
  const requests = function* () {
    for (let at = group.rank; at * batch < source.count; at += group.processes) {
      const first = at * batch;
      const length = Math.min(batch, source.count - first);
      yield {
        first,
        order: { epoch: 0, indices: Int32Array.from({ length }, (_, i) => first + i) },
      };
    }
  };
  if (group.rank * batch >= source.count) return; // no batch falls to it: no threads for nothing
  const pool = await openPool(here, source, batch);
  const ring = new Ring(pool.prefetch + 2, batch, fill);
  try {
    for await (const { views, request } of ahead(pool, ring, requests(), pool.prefetch)) {
      const [images] = views;
      if (images === undefined) throw new Error('orderedImages: no view');
      yield { images, count: request.order.indices.length, first: request.first };
    }
  } finally {
    await pool.dispose();
  }
}
