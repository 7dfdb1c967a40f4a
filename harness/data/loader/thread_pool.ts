import { Worker } from 'node:worker_threads';
import { UserError } from '../../base/errors.ts';
import { loadedLibrary } from '../../engine/native/capi.ts';
import { ImageError } from './image_error.ts';
import { counter, type Order, type Pool } from './pool.ts';
import type { Answer, Failure, Job, WorkerSetup } from './worker.ts';

interface Pending {
  readonly job: Job;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  /** Threads that still work on it. */
  working: number;
  failure: Failure | undefined;
}

/** How many threads a pool has. */
export interface ThreadCount {
  readonly first: number;
  /** The number it grows to when it is told often enough to hurry. */
  readonly most: number;
}

// Pictures are memory that V8 frees with its young generation; at its own size of that, tens of
// megabytes of them wait in each thread.
const LIMITS = { maxYoungGenerationSizeMb: 2 };

/**
 * Fills in threads of its own; they take samples one by one, so that none waits for another. Each
 * holds some 50 MiB, so more than the first are started only when batches come late.
 */
export class ThreadPool implements Pool {
  readonly prefetch = 3;
  private readonly threads: Worker[] = [];
  private readonly pending = new Map<number, Pending>();
  private readonly start: WorkerSetup;
  private readonly most: number;
  /** A thread that was started and does not work yet. */
  private young: Worker | undefined;
  private count = 0;
  private broken: Error | undefined;

  private constructor(start: WorkerSetup, most: number) {
    this.start = start;
    this.most = most;
  }

  /** @throws UserError where the source cannot be opened. */
  static async open({ first, most }: ThreadCount, start: WorkerSetup): Promise<ThreadPool> {
    const pool = new ThreadPool(start, most);
    const threads = Array.from({ length: first }, () => started(start));
    try {
      await Promise.all(threads.map(ready));
    } catch (error) {
      await Promise.all(threads.map((thread) => thread.terminate()));
      throw error;
    }
    for (const thread of threads) pool.add(thread);
    return pool;
  }

  /** Threads at work. */
  get size(): number {
    return this.threads.length;
  }

  fill(order: Order, views: readonly Uint8Array[]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.broken !== undefined) return reject(this.broken);
      const library = loadedLibrary()?.cc;
      const job = { id: this.count++, ...order, views, next: counter(), library };
      const working = this.threads.length;
      this.pending.set(job.id, { job, resolve, reject, working, failure: undefined });
      this.hold();
      for (const thread of this.threads) thread.postMessage(job);
    });
  }

  hurry(): void {
    const { broken, young, threads } = this;
    if (broken !== undefined || young !== undefined || threads.length >= this.most) return;
    const thread = started(this.start);
    this.young = thread;
    ready(thread).then(
      () => this.add(thread),
      (error) => this.break(error),
    );
  }

  cancel(): void {
    for (const { job } of this.pending.values()) Atomics.store(job.next, 0, job.indices.length);
  }

  async dispose(): Promise<void> {
    this.broken ??= new Error('loader: it is closed');
    this.cancel();
    const all = [...this.threads, ...(this.young ? [this.young] : [])];
    await Promise.all(all.map((thread) => thread.terminate()));
    this.break(this.broken);
  }

  /** From here on the thread works, also on batches that others have begun. */
  private add(thread: Worker): void {
    this.young = undefined;
    thread.on('message', (answer: Answer) => this.hear(answer));
    thread.on('error', (error) => this.break(error));
    thread.on('exit', (code) => this.break(ended(code)));
    this.threads.push(thread);
    for (const one of this.pending.values()) {
      one.working++;
      thread.postMessage(one.job);
    }
    this.hold();
  }

  private hear(answer: Answer): void {
    if (answer.kind !== 'done') return;
    const one = this.pending.get(answer.id);
    if (one === undefined) return;
    const { failure } = answer;
    if (failure !== undefined && failure.at < (one.failure?.at ?? Number.POSITIVE_INFINITY))
      one.failure = failure;
    if (--one.working > 0) return;
    this.pending.delete(answer.id);
    this.hold();
    if (one.failure === undefined) one.resolve();
    else one.reject(new ImageError(one.failure.message));
  }

  private break(error: Error): void {
    this.broken ??= error;
    for (const { reject } of this.pending.values()) reject(this.broken);
    this.pending.clear();
  }

  /** Threads keep the process alive only while something is asked of them. */
  private hold(): void {
    for (const thread of this.threads) this.pending.size > 0 ? thread.ref() : thread.unref();
  }
}

function started(start: WorkerSetup): Worker {
  const url = new URL('./worker.mjs', import.meta.url);
  return new Worker(url, { workerData: start, resourceLimits: LIMITS });
}

function ready(thread: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    const exited = (code: number) => reject(ended(code));
    thread.once('error', reject);
    thread.once('exit', exited);
    thread.once('message', (answer: Answer) => {
      thread.off('error', reject);
      thread.off('exit', exited);
      if (answer.kind !== 'failed') return resolve();
      const { name, message } = answer;
      reject(name === 'UserError' ? new UserError(message) : new Error(message));
    });
  });
}

function ended(code: number): Error {
  return new Error(`loader: a thread ended with code ${code}`);
}
