import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Lap } from './lap.ts';

/**
 * Two processes that are timed take turns of some steps each, so that both see the same minutes of
 * the machine. Each waits for a line with a number, takes so many steps, prints what one took, as
 * `{"turn": {"step_ms": …}}`, and waits again. This is our end; `timed_process.ts` is the other.
 */
export interface Turns {
  /** Before each step: waits for the turn that it is the first of. */
  begin(): Promise<void>;
  /** After each step. */
  end(lap: Lap): void;
  /** After the last one. */
  close(): void;
}

/** @param over told the laps of a turn when it is over */
export function turnsFrom(input: Readable, over: (laps: readonly Lap[]) => void): Turns {
  const reader = createInterface({ input });
  const lines = reader[Symbol.asyncIterator]();
  let laps: Lap[] = [];
  let left = 0;
  return {
    async begin() {
      if (left > 0) return;
      const { value } = await lines.next(); // undefined after the last
      left = Number(value);
      if (!(left >= 1)) throw new Error(`--turns: found '${value}', expected a number of steps`);
      laps = [];
    },
    end(lap) {
      laps.push(lap);
      left--;
      if (left === 0) over(laps);
    },
    close() {
      reader.close();
      input.destroy();
    },
  };
}
