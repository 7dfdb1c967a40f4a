import { op1 } from '../engine/op.ts';
import { l2Normalize } from '../engine/ops/normalization.ts';
import { type Tensor, tf } from '../engine/tf.ts';

/** Rows that outlive a step, [count, …]. */
export interface Bank {
  readonly count: number;
  /** int32 [M] → [M, …]. */
  readonly rows: (indices: Tensor) => Tensor;
  readonly all: () => Tensor;
}

/**
 * What a memory of one feature a sample holds after it has seen a batch: unit((1 - momentum) old +
 * momentum new), row by row. Carries no gradient.
 * @param old rows of the memory, [M, D]
 * @param fresh unit rows of the batch, [M, D]
 * @param momentum share of the new feature, in [0, 1]
 */
export function remembered(old: Tensor, fresh: Tensor, momentum: number): Tensor {
  const keep = op1('Mul', [old, tf.scalar(1 - momentum)]);
  const take = op1('Mul', [fresh, tf.scalar(momentum)]);
  return l2Normalize(op1('AddV2', [keep, take]));
}
