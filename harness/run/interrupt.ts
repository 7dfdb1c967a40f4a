import { clock } from '../base/index.ts';
import { exitNow } from './exit_now.ts';
import { hangupIgnored, watchStart } from './started_by.ts';

/** Exit codes of a command that was asked to end, as shells have them: 128 and the signal's number. */
const CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type Asking = keyof typeof CODES;

// npx, shells and terminals pass on what the run was sent already: that is not a second one.
const ECHO_SECONDS = 0.7;

/** The work was stopped because somebody asked for it; nothing has failed. The message says how to go on. */
export class Interrupted extends Error {
  override name = 'Interrupted';
  /** Of the process, once a command knows what asked for it. */
  code: number = CODES.SIGINT;
}

/** Interruptions that are listened to: they decide then how the process ends. */
let listening = 0;

export interface Interruption {
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP, or when what started the command is gone. */
  readonly signal: AbortSignal;
  /** The exit code that says why; 0 until then. */
  code(): number;
  /** Gives the signals their usual effect back. */
  dispose(): void;
}

/**
 * Turns the first Ctrl-C (SIGINT), SIGTERM or SIGHUP, and the end of the `npx` that started the command, into a
 * request to stop soon; a second signal ends the process at once. Under nohup a hangup stays without effect.
 * @param tell is told what happens.
 * @param doing what is done about it
 */
export function onInterrupt(
  tell: (message: string) => void,
  doing = 'stopping after this step and saving',
): Interruption {
  const controller = new AbortController();
  let first = 0;
  let code = 0;
  const stop = (by: Asking, why: string) => {
    first = clock.seconds();
    code = CODES[by];
    controller.abort();
    tell(`${why}${doing}; press Ctrl-C again to stop at once`);
  };
  const handle = (by: Asking) => {
    if (!controller.signal.aborted) stop(by, '');
    else if (clock.seconds() - first > ECHO_SECONDS) exitNow(CODES[by]);
  };
  listening++;
  const undo = onSignals(handle);
  const unwatch = watchStart(() => {
    if (!controller.signal.aborted) stop('SIGHUP', 'what started this run has ended: ');
  });
  return {
    signal: controller.signal,
    code: () => code,
    dispose: () => {
      listening--;
      undo();
      unwatch();
    },
  };
}

/**
 * For work that has nothing to save: the first signal, or the end of what started the command, ends the process, with
 * the usual code and after what was left to `process.on('exit')`. What listens to an `Interruption` goes before.
 * @param signals false leaves them to the system, which asks no event loop: for work that blocks it
 */
export function endWhenAsked(signals: boolean): () => void {
  const end = (by: Asking) => {
    if (listening === 0) exitNow(CODES[by]);
  };
  const undo = signals ? onSignals(end) : () => {};
  const unwatch = watchStart(() => end('SIGHUP'));
  return () => {
    undo();
    unwatch();
  };
}

function onSignals(handle: (by: Asking) => void): () => void {
  // Node gave SIGHUP its effect back at its start, so that to ignore it again takes a handler, too.
  const ignored = hangupIgnored();
  const undo = (Object.keys(CODES) as Asking[]).map((signal) => {
    const listener = () => {
      if (signal !== 'SIGHUP' || !ignored) handle(signal);
    };
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  return () => {
    for (const one of undo) one();
  };
}
