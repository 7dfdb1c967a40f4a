import { loadNative, type Native } from './capi.ts';
import { provision } from './library/index.ts';

let started: Promise<Native> | undefined;

/**
 * Finds or fetches libtensorflow and loads it, once a process. Everything else of the engine needs
 * this first.
 * @throws UserError saying what is missing on this machine and how to mend it.
 */
export function startEngine(): Promise<Native> {
  started ??= provision().then(loadNative);
  return started;
}
