import { parentPort, workerData } from 'node:worker_threads';
import { Filler, type FillSetup, type SourceModule } from './fill.ts';
import type { Manifest } from './source.ts';

/** What a thread starts with. */
export interface WorkerSetup {
  readonly setup: FillSetup;
  /** URL of the module that opens the source. */
  readonly opener: string;
  /** Of the source, which the main thread has hashed. */
  readonly manifest: Manifest;
}

/** Makes some of a batch's samples: threads take them one by one from a shared counter. */
export interface Job {
  readonly id: number;
  readonly epoch: number;
  readonly indices: Int32Array;
  /** One array a view, on shared memory. */
  readonly views: readonly Uint8Array[];
  /** int32 [1], shared: the first sample that no thread has taken. */
  readonly next: Int32Array;
}

/** What a thread answers: to its start, and to each job. */
export type Answer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly name: string; readonly message: string }
  | { readonly kind: 'done'; readonly id: number; readonly failure?: Failure };

/** The first sample of a job that a thread could not make. */
export interface Failure {
  /** Place in the batch. */
  readonly at: number;
  readonly message: string;
}

const PIECE = 16; // samples between two pauses

/**
 * Takes samples of a job until none is left.
 * @param pause awaited before every piece, where the thread has other things to do
 */
export async function work(
  filler: Filler,
  job: Job,
  pause?: () => Promise<unknown>,
): Promise<Failure | undefined> {
  for (let taken = 0; ; taken++) {
    if (taken % PIECE === 0) await pause?.();
    const at = Atomics.add(job.next, 0, 1);
    const index = job.indices[at];
    if (index === undefined) return undefined;
    try {
      const made = filler.fill(job.views, at, job.epoch, index);
      if (made !== undefined) await made;
    } catch (error) {
      return { at, message: error instanceof Error ? error.message : String(error) };
    }
  }
}

if (parentPort !== null) {
  const port = parentPort;
  const { setup, opener, manifest } = workerData as WorkerSetup;
  const answer = (value: Answer) => port.postMessage(value);
  try {
    const { openSource } = (await import(opener)) as SourceModule;
    const source = await openSource(setup.spec, { data: setup.data, manifest });
    const filler = new Filler(source, setup);
    let last: Promise<void> = Promise.resolve();
    port.on('message', (job: Job) => {
      last = last.then(async () => {
        const failure = await work(filler, job);
        answer({ kind: 'done', id: job.id, ...(failure === undefined ? {} : { failure }) });
      });
    });
    answer({ kind: 'ready' });
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    answer({ kind: 'failed', name, message });
  }
}
