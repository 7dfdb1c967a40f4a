import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { unlessStopped } from '../../base/breath.ts';
import { UserError } from '../../base/errors.ts';
import { fileError } from '../../base/file_error.ts';
import { pathOf, shownPath } from './file_names.ts';

/** Files that a thread takes at once: some milliseconds of work. */
const CHUNK = 64;
/** No disk keeps more threads busy than that. */
const MAX_THREADS = 16;

type Answer =
  | { readonly digests: Uint8Array }
  | { readonly place: number; readonly code: string | undefined; readonly message: string };

interface HashOptions {
  /** Told how many are done. */
  readonly onProgress?: (done: number) => void;
  /** Ends the work, whose reason is thrown then. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * SHA-256 of files, in threads of their own, each file read in pieces.
 * @returns 32 bytes a file, in the order of the names.
 * @throws UserError that names a file which cannot be read.
 */
export async function hashFiles(
  root: string,
  names: readonly string[],
  { onProgress = () => {}, signal }: HashOptions = {},
): Promise<Uint8Array> {
  const digests = new Uint8Array(32 * names.length);
  const count = Math.min(availableParallelism(), MAX_THREADS, Math.ceil(names.length / CHUNK));
  const url = new URL('./hash_worker.mjs', import.meta.url);
  const threads = Array.from({ length: count }, () => new Worker(url));
  let next = 0;
  let done = 0;
  const work = async (thread: Worker) => {
    while (next < names.length) {
      const from = next;
      next += CHUNK;
      const part = names.slice(from, next);
      digests.set(await digestsOf(thread, root, part), 32 * from);
      done += part.length;
      onProgress(done);
    }
  };
  try {
    // A thread may be in the middle of a slow file.
    await unlessStopped(signal, Promise.all(threads.map(work)));
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
  return digests;
}

function digestsOf(thread: Worker, root: string, names: readonly string[]): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    thread.once('error', reject);
    thread.once('message', (answer: Answer) => {
      thread.off('error', reject);
      if ('digests' in answer) resolve(answer.digests);
      else reject(refusal(shownPath(root, names[answer.place] ?? ''), answer.code, answer.message));
    });
    thread.postMessage({ paths: names.map((name) => pathOf(root, name)) });
  });
}

function refusal(path: string, code: string | undefined, message: string): unknown {
  const error = fileError(path, Object.assign(new Error(message), { code }));
  return error instanceof UserError ? error : new UserError(`${path} cannot be read: ${message}`);
}
