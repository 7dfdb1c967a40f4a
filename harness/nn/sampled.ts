import { op1 } from '../engine/op.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import type { Bank } from './bank.ts';
import { type Contrast, contrast, type Negatives } from './contrast.ts';

/**
 * `contrast` where each query has its own K negatives, drawn from a bank.
 * @param query [N, D]
 * @param key [N, D]
 * @param drawn int32 [N, K], rows of the bank
 */
export function contrastWithDrawn(
  query: Tensor,
  key: Tensor,
  bank: Bank,
  drawn: Tensor,
  temperature: number,
): Contrast {
  return contrast(query, key, sampled(bank, drawn, query.shape[1] ?? 0), temperature);
}

/**
 * Up to this many rows in the bank for each one drawn, a product with the whole bank is faster than
 * moving N K rows: measured, reports/measurements.md, "Negatives drawn from a bank".
 */
const WHOLE = 8;
const LARGEST = 2 ** 31;

function sampled(bank: Bank, drawn: Tensor, width: number): Negatives {
  const [count = 0, each = 0] = drawn.shape;
  const whole = bank.count <= WHOLE * each && count * bank.count < LARGEST;
  return whole ? inWhole(bank, drawn) : byRows(bank, drawn, width);
}

/** One product with the bank gives all similarities; those that were drawn are picked out. */
function inWhole({ count: size, all }: Bank, drawn: Tensor): Negatives {
  const [count = 0, each = 0] = drawn.shape;
  const bank = all();
  const first = tf.tensor2d(
    Array.from({ length: count }, (_, i) => i * size),
    [count, 1],
    'int32',
  );
  const places = tf.reshape(op1('AddV2', [drawn, first]), [count * each]);
  return {
    similarities: (query) => {
      const everything = tf.reshape(op1('MatMul', [query, bank], { transpose_b: true }), [-1]);
      const picked = op1('GatherV2', [everything, places, tf.scalar(0, 'int32')]);
      return tf.reshape(picked, [count, each]);
    },
    weighted: (weights) => {
      const flat = tf.reshape(weights, [count * each]);
      const total = tf.scalar(count * size, 'int32');
      const sums = op1('UnsortedSegmentSum', [flat, places, total]);
      return op1('MatMul', [tf.reshape(sums, [count, size]), bank]);
    },
  };
}

/** The rows that were drawn, [N, K, D], and products with them. */
function byRows({ rows }: Bank, drawn: Tensor, width: number): Negatives {
  const [count = 0, each = 0] = drawn.shape;
  const taken = tf.reshape(rows(tf.reshape(drawn, [count * each])), [count, each, width]);
  return {
    similarities: (query) => {
      const one = tf.reshape(query, [count, 1, width]);
      return tf.reshape(op1('BatchMatMulV2', [one, taken], { adj_y: true }), [count, each]);
    },
    weighted: (weights) => {
      const one = tf.reshape(weights, [count, 1, each]);
      return tf.reshape(op1('BatchMatMulV2', [one, taken]), [count, width]);
    },
  };
}
