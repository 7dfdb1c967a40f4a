import type { Failure } from '../failure.ts';
import type { Place } from '../place.ts';

// What a process and the thread that holds its connections say to each other. Bytes are handed over, not copied.

type Bytes = Uint8Array<ArrayBuffer>;

export interface ThreadSetup {
  readonly place: Place;
}

/** From the process. */
export type Order =
  | { readonly kind: 'give'; readonly what: string; readonly bytes: Bytes }
  | { readonly kind: 'stop' }
  | { readonly kind: 'fail'; readonly message: string }
  | { readonly kind: 'end'; readonly code: number };

/** From the thread. */
export type Report =
  | { readonly kind: 'joined' }
  | { readonly kind: 'refused'; readonly message: string }
  /** What all gave, by rank. */
  | { readonly kind: 'parts'; readonly parts: readonly Bytes[] }
  | { readonly kind: 'differ'; readonly message: string }
  | { readonly kind: 'stop' }
  | { readonly kind: 'ended'; readonly code: number }
  | { readonly kind: 'failure'; readonly failure: Failure }
  | { readonly kind: 'notice'; readonly message: string }
  /** `fail` or `end` has been heard. */
  | { readonly kind: 'done' };

export type Tell = (report: Report) => void;

/** A part of the group on the thread's side, after all have come. */
export interface Member {
  order(order: Order): void;
}
