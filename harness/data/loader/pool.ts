import { setImmediate } from 'node:timers/promises';
import type { Source } from '../source.ts';
import { viewCount } from '../view_count.ts';
import { Filler, type FillSetup, viewBytes } from './fill.ts';
import { ImageError } from './image_error.ts';
import { type Job, work } from './worker.ts';

/** The samples of one batch. */
export interface Order {
  readonly epoch: number;
  readonly indices: Int32Array;
}

/** Makes batches, several at a time and in any order of finishing. */
export interface Pool {
  /** Batches that are worth making ahead. */
  readonly prefetch: number;
  /** Fills the views with the samples of a batch. @throws ImageError that names a bad sample. */
  fill(order: Order, views: readonly Uint8Array[]): Promise<void>;
  /** Told that a batch is waited for: another thread may help from here on. */
  hurry(): void;
  /** Gives up what has not been begun of any batch; their `fill` still resolves. */
  cancel(): void;
  dispose(): Promise<void>;
}

/** Memory for a batch's views, uint8 [count, size, size, 3] each, shared between threads. */
export function sharedViews(count: number, setup: FillSetup): Uint8Array[] {
  const bytes = count * viewBytes(setup.size);
  const length = viewCount(setup.pipelines);
  return Array.from({ length }, () => new Uint8Array(new SharedArrayBuffer(bytes)));
}

/**
 * Fills in the calling thread, in pieces, so that between them it can hear that a step has ended.
 */
export class LocalPool implements Pool {
  readonly prefetch = 1;
  private readonly filler: Filler;
  private readonly jobs = new Set<Job>();
  private count = 0;

  constructor(source: Source, setup: FillSetup) {
    this.filler = new Filler(source, setup);
  }

  async fill(order: Order, views: readonly Uint8Array[]): Promise<void> {
    const job = { id: this.count++, ...order, views, next: counter() };
    this.jobs.add(job);
    const failure = await work(this.filler, job, setImmediate);
    this.jobs.delete(job);
    if (failure !== undefined) throw new ImageError(failure.message);
  }

  hurry(): void {}

  cancel(): void {
    for (const { next, indices } of this.jobs) Atomics.store(next, 0, indices.length);
  }

  async dispose(): Promise<void> {
    this.cancel();
  }
}

/** Where the threads of a job take their samples from. */
export function counter(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
}
