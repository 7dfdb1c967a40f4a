import { UserError } from '../base/errors.ts';

/**
 * Parts that the work inside one op is cut into, unless an experiment says otherwise. TensorFlow and
 * oneDNN cut sums (filter gradients, batch statistics, long reductions) into one part a thread of
 * their pool and add the parts, so the size of the pool decides result bits: with 1, 2, 3 or 8 threads
 * the state after 12 steps of MoCo had four different hashes. So the pool has the size that the
 * experiment says, and the system spreads it over the cores there are.
 */
export const LANES = 2;

let held: number | undefined;

/**
 * Says into how many parts this process cuts the work inside an op. Call it before the first session:
 * TensorFlow makes one pool a process, and would ignore what later sessions ask for.
 * @throws UserError where the process computes with another number already.
 */
export function useLanes(lanes: number): void {
  held ??= lanes;
  if (held !== lanes)
    throw new UserError(
      `lanes: ${lanes}, but this process computes with ${held} already, which decides bits; ` +
        'run experiments of different lanes in processes of their own',
    );
}

/** The lanes of this process. From here on they are fixed. */
export function heldLanes(): number {
  held ??= LANES;
  return held;
}
