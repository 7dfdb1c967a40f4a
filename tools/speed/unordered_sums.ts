import { partsOf } from '../../harness/cluster/transport.ts';
import type { Liberties } from '../../harness/engine/liberties.ts';
import { op1 } from '../../harness/engine/op.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import { ring } from './allreduce.ts';

/** How sums come from process to process where their order is free. */
export const UNORDERED = ['ring', 'straight'] as const;
export type Unordered = (typeof UNORDERED)[number];

/**
 * Sums as TensorFlow makes them: the own replicas' in one op, those of other processes by its ring, or by sending all
 * of it straight to each other process, of two the faster way.
 */
export function unorderedSums(way: Unordered): NonNullable<Liberties['sums']> {
  return (lists, layout, factor) => {
    const scaled = (sum: Tensor) => (factor === 1 ? sum : tf.mul(sum, tf.scalar(factor)));
    const own = lists.map((values) => added(values));
    if (layout.processes === 1) return own.map(scaled);
    const flat = tf.concat(own.map((sum) => tf.reshape(sum, [-1])));
    const whole = scaled(
      way === 'ring' ? ring(flat, layout.processes) : added(partsOf(flat, layout)),
    );
    const pieces = tf.split(
      whole,
      own.map(({ size }) => size),
      0,
    );
    return pieces.map((piece, i) => tf.reshape(piece, [...(own[i]?.shape ?? [])]));
  };
}

function added(values: readonly Tensor[]): Tensor {
  const [only] = values;
  if (values.length === 1 && only !== undefined) return only;
  return op1('AddN', values, { N: values.length });
}
