import type { Json } from '../base/canonical.ts';

/**
 * The processes of one run, as one of them sees them: what they agree on beside TensorFlow's collectives, between
 * steps. All come to the same calls in the same order; `name` says which one it is, and another name elsewhere
 * is an error that has both.
 */
export interface Group {
  readonly rank: number;
  readonly processes: number;
  /** Everyone hands in a value; everyone gets all of them, by rank. */
  exchange<T extends Json>(name: string, value: T): Promise<T[]>;
  /** As `exchange`, for bytes: rows of features, states. */
  gather(name: string, bytes: Uint8Array): Promise<Uint8Array[]>;
  /** What the process of rank 0 hands in, on all. */
  broadcast<T extends Json>(name: string, value: T): Promise<T>;
  /**
   * All compare what has to be the same on them: library, numerics, experiment, code graph, data.
   * @throws UserError on every process, which names each fact that differs, its values and the ranks with them.
   */
  compare(facts: Readonly<Record<string, string>>): Promise<void>;
  /** Asks rank 0 to stop soon and save, for a signal that came to this process. */
  askToStop(): void;
  /** On rank 0: aborted once any process has asked to stop. */
  readonly stopAsked: AbortSignal;
  /** On rank 0: tells the others that the work is over, and awaits that they heard it. */
  end(code: number): Promise<void>;
  /**
   * Tells the others that this process ends by an error of its own, which they then name, and awaits that they heard
   * it. To be called before it ends: a connection that just closes looks like a process that was killed.
   */
  fail(message: string): Promise<void>;
  /** On the others: the code that rank 0 ended with. Never settles before. */
  readonly ended: Promise<number>;
}
