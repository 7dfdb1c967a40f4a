import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { native } from './capi.ts';

/**
 * Gives memory back after state was set: host copies of a large state are hundreds of megabytes that
 * V8 does not see as pressure, and that glibc was told to keep (`keepFreedMemory`). Without this the
 * first step's activations come on top of them and the peak of the whole run is higher for nothing.
 */
export async function releaseHostCopies(): Promise<void> {
  await setImmediate(); // what is awaited right now still holds its values
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  if (typeof collect === 'function') collect();
  native().trim(0);
}
