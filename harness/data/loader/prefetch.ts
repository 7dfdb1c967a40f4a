import type { FillSetup } from './fill.ts';
import { type Order, type Pool, sharedViews } from './pool.ts';

/** Memory of batches, used in turn and made when first used. */
export class Ring {
  private readonly slots: (readonly Uint8Array[] | undefined)[];
  readonly samples: number;
  private readonly setup: FillSetup;
  private at = 0;

  /** @param length batches @param samples of a batch */
  constructor(length: number, samples: number, setup: FillSetup) {
    this.slots = Array.from({ length }, () => undefined);
    this.samples = samples;
    this.setup = setup;
  }

  /** The memory for the next batch: that of the batch `length` turns ago. */
  take(): readonly Uint8Array[] {
    const slot = this.slots[this.at] ?? sharedViews(this.samples, this.setup);
    this.slots[this.at] = slot;
    this.at = (this.at + 1) % this.slots.length;
    return slot;
  }

  /** Takes back the last turns, whose batches were never handed out. */
  rewind(turns: number): void {
    this.at = (this.at + this.slots.length - turns) % this.slots.length;
  }
}

/** A batch to come, as the pool is to make it. */
export interface Request {
  readonly order: Order;
}

export interface Made<R extends Request> {
  readonly request: R;
  readonly views: readonly Uint8Array[];
}

/**
 * Fills requests in order, `prefetch` of them ahead of the one asked for. The pool is told of every
 * batch that comes late, except for the first, which could not have been made in time.
 * @param requests asked again after an end, because more may have come to it
 */
export async function* ahead<R extends Request>(
  pool: Pool,
  ring: Ring,
  requests: Iterator<R>,
  prefetch: number,
): AsyncGenerator<Made<R>> {
  const queue: { readonly made: Made<R>; readonly filled: Promise<void>; ready: boolean }[] = [];
  const begin = () => {
    const { done, value: request } = requests.next();
    if (done) return;
    const memory = ring.take();
    const { order } = request;
    const filled = pool.fill(order, memory);
    const views = memory.map((view) =>
      view.subarray(0, (view.length / ring.samples) * order.indices.length),
    );
    const one = { made: { request, views }, filled, ready: false };
    filled.then(
      () => {
        one.ready = true;
      },
      () => undefined, // it is awaited in its turn
    );
    queue.push(one);
  };
  try {
    for (let batch = 0; ; batch++) {
      while (queue.length <= prefetch) {
        const before = queue.length;
        begin();
        if (queue.length === before) break;
      }
      const first = queue.shift();
      if (first === undefined) return;
      if (batch > 0 && !first.ready) pool.hurry();
      await first.filled;
      yield first.made;
    }
  } finally {
    pool.cancel();
    await Promise.allSettled(queue.map(({ filled }) => filled));
    ring.rewind(queue.length);
  }
}
