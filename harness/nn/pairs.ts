import { op1 } from '../engine/op.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import { type Contrast, infoNce } from './contrast.ts';

/** Far below every similarity, so that a share of 0 is left, and finite. */
const ABSENT = -1e9;

/**
 * NT-Xent, Chen et al. 2020, arXiv:2002.05709, eq. 1: `infoNce` that picks a row's sibling, the other view
 * of the same image, among all rows but itself. Gradients reach own rows, and all rows as negatives.
 * @param own [M, D] unit rows; 2i and 2i + 1 are siblings
 * @param all [A, D] the own rows of all replicas, A at least 4
 * @param places int32 [M]: where own rows stand in `all`
 * @returns similarities are those of all rows
 */
export function contrastPairs(
  own: Tensor,
  all: Tensor,
  places: Tensor,
  temperature: number,
): Contrast {
  const [count = 0] = all.shape;
  const sibling = siblings(own);
  const { loss, accuracy } = infoNce({
    query: own,
    key: sibling,
    temperature,
    similarities: (scaled) => {
      const pair = op1('AddV2', [absent(places, count), absent(siblings(places), count)]);
      return op1('AddV2', [op1('MatMul', [scaled, all], { transpose_b: true }), pair]);
    },
    inputs: [own, all],
    gradients: (shares, slopeOf) => {
      const slope = slopeOf();
      const push = op1('Mul', [op1('MatMul', [shares, all]), slope]);
      const both = op1('AddV2', [slope, siblings(slope)]); // a row is also its sibling's positive
      const weighed = op1('Mul', [own, slope]);
      return [
        op1('Sub', [push, op1('Mul', [sibling, both])]),
        op1('MatMul', [shares, weighed], { transpose_a: true }),
      ];
    },
  });
  return { loss, shares: { accuracy }, observed: pairSimilarities(all) };
}

/**
 * Cosines of pairs and of all others, as a reference lists them: [A, 1] of siblings, [A, A - 2] of
 * each row with those that are neither itself nor its sibling, in their order.
 * @param rows [A, D] unit rows; 2i and 2i + 1 are siblings
 */
function pairSimilarities(rows: Tensor) {
  const [count = 0] = rows.shape;
  const pairs = count / 2;
  const blocks = tf.transpose(
    tf.reshape(tf.matMul(rows, rows, false, true), [pairs, 2, pairs, 2]),
    [0, 2, 1, 3],
  );
  // Without its first element a square matrix, cut into rows one longer, has its diagonal at the ends.
  const rest = tf.slice(tf.reshape(blocks, [pairs * pairs, 4]), [1, 0], [pairs * pairs - 1, 4]);
  const others = tf.slice(
    tf.reshape(rest, [pairs - 1, pairs + 1, 4]),
    [0, 0, 0],
    [pairs - 1, pairs, 4],
  );
  const negative = tf.transpose(tf.reshape(others, [pairs, pairs - 1, 2, 2]), [0, 2, 1, 3]);
  return {
    positive: tf.sum(tf.mul(rows, siblings(rows)), 1, true),
    negative: tf.reshape(negative, [count, count - 2]),
  };
}

/** Rows 2i and 2i + 1 exchanged. */
function siblings(rows: Tensor): Tensor {
  const [count = 0, ...rest] = rows.shape;
  const pairs = op1('Reshape', [rows, tf.tensor1d([count / 2, 2, ...rest], 'int32')]);
  const swapped = op1('ReverseV2', [pairs, tf.tensor1d([1], 'int32')]);
  return op1('Reshape', [swapped, tf.tensor1d([count, ...rest], 'int32')]);
}

/** [M, A]: a row's own place holds ABSENT, all others 0. */
function absent(places: Tensor, count: number): Tensor {
  return op1('OneHot', [places, tf.scalar(count, 'int32'), tf.scalar(ABSENT), tf.scalar(0)]);
}
