import type { Output } from '../native/capi.ts';
import type { Sizes } from './ranges.ts';

/** What is decided by size, in order: the first trace of an entry decides, and the others do likewise. */
export class Decisions {
  private readonly made: boolean[] = [];
  private next = 0;

  /** A trace begins. */
  restart(): void {
    this.next = 0;
  }

  decide(decide: () => boolean): boolean {
    const made = this.made[this.next] ?? decide();
    this.made[this.next++] = made;
    return made;
  }
}

/** One trace of an entry with free sizes. */
export interface FreeTrace {
  readonly sizes: Sizes;
  readonly decisions: Decisions;
  /** Says by what tensor, int32 scalar, a run finds out a size. */
  readonly find: (name: string, size: Output) => void;
}
