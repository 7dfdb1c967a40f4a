import { type Library, provision } from './library/index.ts';
import { checkMachine, thisMachine } from './library/machine.ts';
import { loadNative, type Native } from './native/capi.ts';

let started: Promise<Native> | undefined;

/**
 * Finds or fetches libtensorflow and loads it, once a process. Everything else of the engine needs
 * this first.
 * @throws UserError saying what is missing on this machine and how to mend it.
 */
export function startEngine(): Promise<Native> {
  started ??= provision().then(loadChecked);
  return started;
}

// A cache that another machine filled, on a shared home, says nothing about this one.
function loadChecked(library: Library): Native {
  try {
    return loadNative(library);
  } catch (error) {
    checkMachine(thisMachine());
    throw error;
  }
}
