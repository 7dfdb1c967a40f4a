import { castTo, op1 } from '../op.ts';
import { type Tensor, tf } from '../tf.ts';

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
