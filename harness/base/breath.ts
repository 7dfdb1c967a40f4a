import { setImmediate } from 'node:timers/promises';

/** Files that are looked at between two breaths: some milliseconds, on a slow disk a second. */
export const BREATH = 256;

/**
 * Lets other work have its turn, so that a signal can come in the middle of long work.
 * @throws the reason of the signal once it has come.
 */
export async function breath(signal?: AbortSignal | undefined): Promise<void> {
  await setImmediate();
  signal?.throwIfAborted();
}

/**
 * What work gives. Once the signal has come, its reason is thrown, and the work is not waited for; what
 * comes of it has no taker.
 */
export async function unlessStopped<T>(
  signal: AbortSignal | undefined,
  work: Promise<T>,
): Promise<T> {
  if (signal === undefined) return work;
  let stop = () => {};
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
  });
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop);
  try {
    return await Promise.race([stopped, work]);
  } finally {
    signal.removeEventListener('abort', stop);
    work.catch(() => undefined);
  }
}
