import { clock } from '../../base/clock.ts';
import type { Wire } from './wire.ts';

const LONGEST = 1; // second between two beats: their cost is nothing, and other time-outs may be short
const BEATS = 8; // in a time-out, so that a few may come late
/** After a sleep what others did meanwhile shows until then: the first beat is answered by who is still there. */
const AWAKE = 3; // beats

export interface Watch {
  stop(): void;
  /**
   * Whether this process itself was stopped, so long and so lately that the others have given it up. What it finds
   * then, closed connections, is their answer to that, and no sign that one of them was lost. It has to know by
   * itself: those who could tell it have ended, and what they wrote is lost where a connection was reset.
   */
  overslept(): boolean;
}

/**
 * Sends signs of life on wires and watches for the other sides'. TCP's own keep-alive is not enough: the system
 * answers it for a process that is stopped, and for one whose threads hang. Nor is a thread that computes: k-means in
 * JavaScript may block it for minutes, so that this runs in a thread of its own (thread.ts).
 *
 * Silence is counted in beats of this process. One that was stopped itself, as by Ctrl-Z, must not take the time
 * in which it slept for silence of the others.
 * @param lost is told of a wire that brought nothing for the time-out, at every beat until it is out of `wires`
 */
export function keepAlive(
  wires: () => Iterable<Wire>,
  timeoutSeconds: number,
  lost: (wire: Wire) => void,
): Watch {
  const every = Math.min(LONGEST, timeoutSeconds / BEATS);
  // They count whole beats of theirs, so that their time-out may be over by two beats too early.
  const tooLong = (seconds: number) => seconds > timeoutSeconds - 2 * every;
  let before = clock.seconds();
  let sleepy = 0; // beats for which a sleep that was too long still counts
  const timer = setInterval(() => {
    const elapsed = clock.seconds() - before;
    before += elapsed;
    const slept = elapsed > 2 * every;
    sleepy = tooLong(elapsed) ? AWAKE : Math.max(0, sleepy - 1);
    for (const wire of [...wires()]) {
      // What came in that sleep is read first: a beat on a connection that was closed would lose why.
      if (!slept) wire.beat();
      wire.silence += Math.min(elapsed, 2 * every);
      if (wire.silence > timeoutSeconds) lost(wire);
    }
  }, 1000 * every);
  return {
    stop: () => clearInterval(timer),
    overslept: () => sleepy > 0 || tooLong(clock.seconds() - before),
  };
}

/** How a lost process is described. */
export function silentFor(timeoutSeconds: number): string {
  return `gave no sign of life for ${timeoutSeconds} s: it is stopped, its machine hangs, or the network is cut`;
}
