import { clock } from '../base/index.ts';

/** Exit code of a run that was asked to stop, as shells have it for Ctrl-C. */
export const INTERRUPTED = 130;

// npx and shells may pass on a Ctrl-C that the terminal sent already: that is not a second one.
const ECHO_SECONDS = 0.7;

export interface Interruption {
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** Gives the signals their usual effect back. */
  dispose(): void;
}

/**
 * Turns the first Ctrl-C (SIGINT) or SIGTERM into a request to stop after the step under way; a
 * second one ends the process at once.
 * @param tell is told what happens.
 */
export function onInterrupt(tell: (message: string) => void): Interruption {
  const controller = new AbortController();
  let first = 0;
  const handle = () => {
    const now = clock.seconds();
    if (!controller.signal.aborted) {
      first = now;
      controller.abort();
      tell('stopping after this step and saving; press Ctrl-C again to stop at once');
    } else if (now - first > ECHO_SECONDS) {
      process.exit(INTERRUPTED);
    }
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  return {
    signal: controller.signal,
    dispose: () => {
      process.off('SIGINT', handle);
      process.off('SIGTERM', handle);
    },
  };
}
