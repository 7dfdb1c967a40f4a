import { castTo, op, op1 } from '../op.ts';
import { type Tensor, tf } from '../tf.ts';
import { uniform } from './activation.ts';

/** Two independent keys from one. @param key int32 [2] */
export function splitKey(key: Tensor): readonly [Tensor, Tensor] {
  const bits = op1('StatelessRandomUniformFullInt', [tf.tensor1d([4], 'int32'), key], {
    dtype: { dtype: 'int32' },
  });
  const [first, second] = op('Split', [tf.scalar(0, 'int32'), bits], { num_split: 2 }, 2);
  if (!first || !second) throw new Error('splitKey: a half is missing');
  return [first, second];
}

/**
 * Independent integers, each of 0..count-1 equally likely: remainders of 64 random bits, so that no
 * number is likelier than another by more than count / 2^64.
 * @param key int32 [2]
 * @returns int32 of that shape
 */
export function uniformIntegers(key: Tensor, shape: readonly number[], count: number): Tensor {
  const wide = (value: number) => castTo(tf.scalar(value, 'int32'), 'int64');
  const size = tf.tensor1d([...shape], 'int32');
  return castTo(op1('StatelessRandomUniformInt', [size, key, wide(0), wide(count)]), 'int32');
}

/**
 * Independent draws from a distribution by its alias table: a uniform slot, then the slot itself or its
 * alias. @see aliasTable
 * @param key int32 [2]
 * @param keep float32 [K]
 * @param other int32 [K]
 * @returns int32 of that shape, each in 0..K-1
 */
export function aliasDraws(
  key: Tensor,
  shape: readonly number[],
  { keep, other }: { readonly keep: Tensor; readonly other: Tensor },
): Tensor {
  const [slotKey, coinKey] = splitKey(key);
  const slot = uniformIntegers(slotKey, shape, keep.shape[0] ?? 0);
  const coin = uniform(shape, coinKey);
  const at = (table: Tensor) => op1('GatherV2', [table, slot, tf.scalar(0, 'int32')]);
  return op1('SelectV2', [op1('Less', [coin, at(keep)]), slot, at(other)]);
}
