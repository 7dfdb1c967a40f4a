import { parentPort, workerData } from 'node:worker_threads';
import { useLibraryDecoder } from '../images/decode.ts';
import type { Image } from '../images/image.ts';
import type { Manifest } from '../source.ts';
import type { Shared } from '../sources/shared_files.ts';
import { Filler, type FillSetup, type SourceModule } from './fill.ts';

/** What a thread starts with. */
export interface WorkerSetup {
  readonly setup: FillSetup;
  /** URL of the module that opens the source. */
  readonly opener: string;
  /** Of the source, which the main thread has hashed. */
  readonly manifest: Manifest;
  /** The files that it has found. */
  readonly shared?: Shared | undefined;
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
  /** The libtensorflow_cc that the process has loaded by now; for threads, which decode by it. */
  readonly library?: string | undefined;
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

/** A sample that a thread has taken, its image perhaps still being decoded elsewhere. */
interface Taken {
  readonly at: number;
  readonly index: number;
  readonly picture: Image | Promise<Image>;
}

/**
 * Takes samples of a job until none is left. While one is made, the next is read.
 * @param pause awaited before every piece, where the thread has other things to do
 */
export async function work(
  filler: Filler,
  job: Job,
  pause?: () => Promise<unknown>,
): Promise<Failure | undefined> {
  let next: Taken | Failure | undefined;
  for (let count = 0; ; count++) {
    if (count % PIECE === 0) await pause?.();
    const now = next ?? take(filler, job);
    if (now === undefined || 'message' in now) return now;
    next = undefined;
    try {
      let { picture } = now;
      if (picture instanceof Promise) {
        picture = await picture;
        next = take(filler, job);
      }
      filler.make(picture, job.views, now.at, job.epoch, now.index);
    } catch (error) {
      return failure(now.at, error);
    }
  }
}

function take(filler: Filler, job: Job): Taken | Failure | undefined {
  const at = Atomics.add(job.next, 0, 1);
  const index = job.indices[at];
  if (index === undefined) return undefined;
  try {
    const picture = filler.read(index);
    if (picture instanceof Promise) picture.catch(() => undefined); // it is awaited in its turn
    return { at, index, picture };
  } catch (error) {
    return failure(at, error);
  }
}

function failure(at: number, error: unknown): Failure {
  return { at, message: error instanceof Error ? error.message : String(error) };
}

/** Does the jobs of the thread it is called in; `load` imports a module of TypeScript. */
export async function listen(load: (url: string) => unknown): Promise<void> {
  if (parentPort === null) throw new Error('loader: listen is for its threads');
  const port = parentPort;
  const { setup, opener, manifest, shared } = workerData as WorkerSetup;
  const answer = (value: Answer) => port.postMessage(value);
  try {
    const { openSource } = (await load(opener)) as SourceModule;
    const source = await openSource(setup.spec, { data: setup.data, manifest, shared });
    const filler = new Filler(source, setup);
    let last: Promise<void> = Promise.resolve();
    port.on('message', (job: Job) => {
      last = last.then(async () => {
        useLibraryDecoder(job.library);
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
