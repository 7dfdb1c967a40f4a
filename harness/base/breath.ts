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
