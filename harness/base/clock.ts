/**
 * Time, for logs and progress alone: nothing that reaches a result may depend on it. The only place
 * in the harness that reads a clock, so that tests can put another one in.
 */
export interface Clock {
  /** Wall clock, for time stamps. */
  now(): Date;
  /** Seconds since some fixed moment, never running backwards. */
  seconds(): number;
}

export const clock: Clock = {
  now: () => new Date(),
  seconds: () => performance.now() / 1000,
};
