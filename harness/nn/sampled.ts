import { withGradient } from '../engine/gradient.ts';
import { op1 } from '../engine/op.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import type { BankContrast } from './heads.ts';
import type { Bank } from './memory.ts';

/** Similarities of each query with rows of its own, and the mean of such rows under weights. */
interface Sampled {
  /** [N, D] → [N, K]. */
  readonly similarities: (query: Tensor) => Tensor;
  /** [N, K] → [N, D]. */
  readonly weighted: (weights: Tensor) => Tensor;
}

/**
 * InfoNCE where each query has its own K negatives, drawn from a bank: cross entropy that picks the
 * key among it and them, mean over rows. Key and bank have no gradients; the formula is that of
 * `contrastWithBank`.
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
): BankContrast {
  const inverse = tf.scalar(1 / temperature);
  const back = tf.scalar(temperature);
  const samples = sampled(bank, drawn, query.shape[1] ?? 0);
  const scaled = op1('Mul', [query, inverse]);
  const positive = op1('Sum', [op1('Mul', [scaled, key]), tf.scalar(1, 'int32')], {
    keep_dims: true,
  });
  const negative = samples.similarities(scaled);
  const shares = op1('Softmax', [negative]);
  const largest = tf.max(negative, 1, true);
  const lse = op1('Sub', [largest, op1('Log', [tf.max(shares, 1, true)])]);
  const margin = op1('Sub', [lse, positive]); // [N, 1]
  const losses = withGradient([query], () => ({
    value: op1('Softplus', [margin]),
    gradients: (dy) => {
      const pull = op1('Sub', [samples.weighted(shares), key]);
      const slope = op1('Mul', [op1('Mul', [dy, op1('Sigmoid', [margin])]), inverse]);
      return [op1('Mul', [pull, slope])];
    },
  }));
  return {
    loss: tf.mean(losses),
    accuracy: tf.mean(tf.cast(tf.greater(positive, largest), 'float32')),
    positive: op1('Mul', [positive, back]),
    negative: op1('Mul', [negative, back]),
  };
}

/**
 * Up to this many rows in the bank for each one drawn, a product with the whole bank is faster than
 * moving N K rows: measured, reports/measurements.md, "Negatives drawn from a bank".
 */
const WHOLE = 8;
const LARGEST = 2 ** 31;

function sampled(bank: Bank, drawn: Tensor, width: number): Sampled {
  const [count = 0, each = 0] = drawn.shape;
  const whole = bank.count <= WHOLE * each && count * bank.count < LARGEST;
  return whole ? inWhole(bank, drawn) : byRows(bank, drawn, width);
}

/** One product with the bank gives all similarities; those that were drawn are picked out. */
function inWhole({ count: size, all }: Bank, drawn: Tensor): Sampled {
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
function byRows({ rows }: Bank, drawn: Tensor, width: number): Sampled {
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
