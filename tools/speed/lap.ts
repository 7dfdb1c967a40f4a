import { median } from '../../reports/speed.ts';

/** Milliseconds of one step. */
export interface Lap {
  /** From asking for a batch to the method's work after the step. */
  readonly step: number;
  /** Of these, in TensorFlow. */
  readonly session: number;
  /** Of these, waiting for the batch. */
  readonly waited: number;
  /** Processor time of all threads. */
  readonly cpu: number;
}

export interface RunOfLaps {
  /** Images of a step. */
  readonly batch: number;
  /** Whether the method works between steps. */
  readonly works: boolean;
  /** Whether images come from files. */
  readonly loop: boolean;
}

/**
 * What a run prints of its steps: medians, but means over a whole loop, as data comes in bursts, and where
 * a method works between steps, which it may do at every tenth.
 */
export function ofRun(laps: readonly Lap[], { batch, works, loop }: RunOfLaps) {
  const middle = (key: keyof Lap) => over(laps, key, loop || works ? mean : median);
  return {
    step_ms: round(middle('step'), 2),
    session_ms: round(middle('session'), 2),
    cpu_ms: round(middle('cpu'), 1),
    ...(loop ? { data_ms: round(middle('waited'), 2) } : {}),
    images_per_second: round((1e3 * batch) / middle('step'), 3),
  };
}

/** What a turn prints of its steps. */
export function ofTurn(laps: readonly Lap[]) {
  return { step_ms: over(laps, 'step', mean), session_ms: over(laps, 'session', mean) };
}

function over(
  laps: readonly Lap[],
  key: keyof Lap,
  middle: (values: readonly number[]) => number,
): number {
  return middle(laps.map((lap) => lap[key]));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
