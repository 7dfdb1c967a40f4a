/** Adds up the time that TensorFlow runs. */
export interface Stopwatch {
  /** So far. */
  milliseconds(): number;
  /** For `onRun` of a training. */
  hear(moment: 'start' | 'end'): void;
}

export function stopwatch(): Stopwatch {
  let started = 0;
  let sum = 0;
  return {
    milliseconds: () => sum,
    hear(moment) {
      if (moment === 'start') started = performance.now();
      else sum += performance.now() - started;
    },
  };
}
