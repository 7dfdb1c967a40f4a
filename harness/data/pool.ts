import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { loadedLibrary } from '../engine/capi.ts';
import { UserError } from '../errors.ts';
import { Filler, type FillSetup, viewBytes } from './fill.ts';
import type { Source } from './source.ts';
import { viewCount } from './spec.ts';
import { type Answer, type Failure, type Job, type WorkerSetup, work } from './worker.ts';

/** The samples of one batch. */
export interface Order {
  readonly epoch: number;
  readonly indices: Int32Array;
}

/** Makes batches, several at a time and in any order of finishing. */
export interface Pool {
  /** Batches that are worth making ahead. */
  readonly prefetch: number;
  /** Fills the views with the samples of a batch. @throws UserError that names a bad sample. */
  fill(order: Order, views: readonly Uint8Array[]): Promise<void>;
  /** Leaves out what is not begun of all batches; their `fill` resolves all the same. */
  cancel(): void;
  dispose(): Promise<void>;
}

/** Memory for a batch's views, uint8 [count, size, size, 3] each, shared between threads. */
export function sharedViews(count: number, setup: FillSetup): Uint8Array[] {
  const bytes = count * viewBytes(setup.size);
  const length = viewCount(setup.pipelines);
  return Array.from({ length }, () => new Uint8Array(new SharedArrayBuffer(bytes)));
}

/** Fills in the calling thread, in pieces, so that it hears of the end of a step. */
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
    if (failure !== undefined) throw new UserError(failure.message);
  }

  cancel(): void {
    for (const { next, indices } of this.jobs) Atomics.store(next, 0, indices.length);
  }

  async dispose(): Promise<void> {
    this.cancel();
  }
}

interface Pending {
  readonly job: Job;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  /** Threads that still work on it. */
  working: number;
  failure: Failure | undefined;
}

/** Fills in threads of its own; they take samples one by one, so that none waits for another. */
export class ThreadPool implements Pool {
  readonly prefetch = 3;
  private readonly threads: readonly Worker[];
  private readonly pending = new Map<number, Pending>();
  private count = 0;
  private broken: Error | undefined;

  private constructor(threads: readonly Worker[]) {
    this.threads = threads;
    for (const thread of threads) {
      thread.on('message', (answer: Answer) => this.hear(answer));
      thread.on('error', (error) => this.break(error));
      thread.on('exit', (code) =>
        this.break(new Error(`loader: a thread ended with code ${code}`)),
      );
    }
  }

  /** @throws UserError where the source cannot be opened. */
  static async open(count: number, start: WorkerSetup): Promise<ThreadPool> {
    const url = new URL('./worker.mjs', import.meta.url);
    const threads = Array.from({ length: count }, () => new Worker(url, { workerData: start }));
    try {
      await Promise.all(threads.map(ready));
    } catch (error) {
      await Promise.all(threads.map((thread) => thread.terminate()));
      throw error;
    }
    const pool = new ThreadPool(threads);
    pool.hold();
    return pool;
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

  cancel(): void {
    for (const { job } of this.pending.values()) Atomics.store(job.next, 0, job.indices.length);
  }

  async dispose(): Promise<void> {
    this.broken ??= new Error('loader: it is closed');
    this.cancel();
    await Promise.all(this.threads.map((thread) => thread.terminate()));
    this.break(this.broken);
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
    else one.reject(new UserError(one.failure.message));
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

function counter(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
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
