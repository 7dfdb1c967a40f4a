import type { ByteSource } from './byte_source.ts';

/** What a pickle may hold besides plain values. */
export interface Allowed {
  /** What a name stands for: a value, or a function that makes one. @throws Error for a name that is not allowed. */
  name(module: string, name: string): unknown;
  /** What stands outside of the pickle under an id; an error unless given. */
  persistent?(id: unknown): unknown;
}

/** A value that takes its state after it was made, as numpy's arrays do. */
export interface Stateful {
  __setstate__(state: unknown): void;
}

/** Where a string or bytes object lies in its file, if it lies there as it is. */
export interface Place {
  readonly offset: number;
  readonly length: number;
}

/** What the instructions of a pickle work on. */
export interface Machine {
  readonly source: ByteSource;
  readonly allowed: Allowed;
  readonly memo: Map<number, unknown>;
  /** Stacks below the one in use, one a mark. */
  readonly below: unknown[][];
  stack: unknown[];
  /** Of the longest string or bytes object so far. */
  longest: Place | undefined;
}
