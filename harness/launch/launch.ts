import { UserError } from '../base/index.ts';
import type { Place } from '../cluster/place.ts';
import { onInterrupt } from '../run/interrupt.ts';
import { outcomeOf } from './outcome.ts';
import { type Patience, type RankSetup, runRanks } from './ranks.ts';

/** In the environment of processes that were started again: how often. */
export const RESTARTED = 'REPRISE_RESTARTED';

const PATIENCE: Patience = { graceSeconds: 10, lastSeconds: 5 };

/** What one try needs: places with ports and a secret of its own. */
export interface Try extends Pick<RankSetup, 'places' | 'command' | 'environment'> {
  /** Called when its processes have ended. */
  close(): void;
}

export interface LaunchSetup {
  /**
   * Prepares a try, the first of which is number 0; undefined where nothing is left to do here.
   * @throws UserError where there can be none, and the signal's reason once that is aborted
   */
  prepare(number: number, stop: AbortSignal): Promise<Try | undefined>;
  /** Tries after the first one. */
  readonly restarts: number;
  readonly tell: (line: string) => void;
  readonly patience?: Patience;
}

/**
 * Starts the processes of a run, passes on what asks them to end, and starts them again after a loss as often as it may.
 * A second signal ends all at once.
 * @returns the exit code: that of rank 0, or what says how the first process was lost
 */
export async function launch({
  prepare,
  restarts,
  tell,
  patience = PATIENCE,
}: LaunchSetup): Promise<number> {
  const interruption = onInterrupt(() => {}); // rank 0 says what it does about it
  const { signal: stop } = interruption;
  try {
    for (let number = 0; ; number++) {
      const one = await prepare(number, stop);
      if (one === undefined) return 0;
      const again = number === 0 ? {} : { [RESTARTED]: String(number) };
      const environment = (place: Place) => ({ ...one.environment(place), ...again });
      const ends = stop.aborted
        ? []
        : await runRanks({ ...one, environment, stop, patience }).finally(() => one.close());
      const { code, lines, mayMend } = outcomeOf(
        ends,
        stop.aborted ? interruption.code() : undefined,
      );
      for (const line of lines) tell(line);
      if (!mayMend || number >= restarts) return code;
      tell(`starting again from the newest checkpoint, restart ${number + 1} of ${restarts}`);
    }
  } catch (error) {
    if (!stop.aborted || error !== stop.reason) throw error;
    return interruption.code();
  } finally {
    interruption.dispose();
  }
}

/** @throws UserError for what cannot be started from here */
export function checkRestarts(restarts: number, processes: number): void {
  if (restarts > 0 && processes === 1)
    throw new UserError(
      `--restarts ${restarts}: starts the processes of a distributed run again, and this run has one; go on with --resume_from auto`,
    );
}
