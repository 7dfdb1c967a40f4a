import type { Tensor } from '@tensorflow/tfjs-core';

/**
 * What a step may do that would not repeat, or not with another number of processes, so that it is seen what it
 * costs to do without. For the benchmark of that price alone (`tools/speed/determinism_side.ts`): no option, spec or
 * variable of a run leads here, a test holds that no other code does, and a process that took them has no fingerprint,
 * without which there is no record, no golden and no checkpoint. Any op may run there.
 */
export interface Liberties {
  /**
   * Sums over the replicas of all processes in any order, in place of those in the fixed tree.
   * @param lists of each value those of the own replicas
   * @param factor of all sums
   */
  readonly sums?: (
    lists: readonly (readonly Tensor[])[],
    layout: { readonly processes: number; readonly rank: number; readonly replicas: number },
    factor: number,
  ) => Tensor[];
  /** Grappler's arithmetic optimisation, which folds sums. */
  readonly folding?: boolean;
  /** A product and the sum that takes it are rounded together where the compiler likes to. */
  readonly contraction?: boolean;
}

let taken: Liberties | undefined;

/** To be called before the first session, once. */
export function takeLiberties(liberties: Liberties): void {
  taken = liberties;
}

/** Undefined in every process but the benchmark's. */
export function liberties(): Liberties | undefined {
  return taken;
}
