import { withGradient } from '../engine/gradient.ts';
import { op1 } from '../engine/op.ts';
import { type Tensor, tf } from '../engine/tf.ts';

/** What a step reports of a loss that picks a row's positive among negatives. */
export interface Contrast {
  /** Mean over rows, scalar, nats. */
  readonly loss: Tensor;
  /** Of rows whose positive is the most similar, scalar. */
  readonly shares: { readonly accuracy: Tensor };
  /** Similarities before the temperature: [N, 1] and [N, K]. */
  readonly observed: { readonly positive: Tensor; readonly negative: Tensor };
}

/** What `infoNce` picks keys among, and where its gradients go. */
export interface Comparison {
  /** [N, D]. */
  readonly query: Tensor;
  /** [N, D]: the positive of each query. */
  readonly key: Tensor;
  readonly temperature: number;
  /** Queries over the temperature, [N, D] → their similarities with negatives, [N, K]. */
  readonly similarities: (scaled: Tensor) => Tensor;
  /** What has gradients: the query, and perhaps more. */
  readonly inputs: readonly Tensor[];
  /**
   * Their gradients, one each.
   * @param shares softmax over negatives, [N, K]
   * @param slope makes what a unit of a row's similarity before the temperature does to the loss, up to
   *   its share, [N, 1]; called once
   */
  readonly gradients: (shares: Tensor, slope: () => Tensor) => Tensor[];
}

/**
 * InfoNCE: cross entropy that picks a row's key among it and negatives, mean over rows. van den Oord et
 * al. 2018, arXiv:1807.03748, eq. 4; He et al. 2020, arXiv:1911.05722, eq. 1. With lse = log sum exp of a
 * row of negatives the loss is softplus(lse - positive), and its slope in the query
 * sigmoid(lse - positive) (softmax(negatives) bank - key) / temperature: the [N, K] matrix, the largest
 * of a step, is passed over four times instead of ten.
 * @returns loss and accuracy, scalars, and the similarities over the temperature
 */
export function infoNce(comparison: Comparison) {
  const { query, key, temperature, similarities, inputs, gradients } = comparison;
  const inverse = tf.scalar(1 / temperature);
  const scaled = op1('Mul', [query, inverse]);
  const positive = op1('Sum', [op1('Mul', [scaled, key]), tf.scalar(1, 'int32')], {
    keep_dims: true,
  });
  const negative = similarities(scaled);
  const shares = op1('Softmax', [negative]);
  const largest = tf.max(negative, 1, true);
  // The largest share is at least 1 / K, so its logarithm is safe whatever the temperature.
  const lse = op1('Sub', [largest, op1('Log', [tf.max(shares, 1, true)])]);
  const margin = op1('Sub', [lse, positive]); // [N, 1]
  const losses = withGradient(inputs, () => ({
    value: op1('Softplus', [margin]),
    gradients: (dy) =>
      gradients(shares, () => op1('Mul', [op1('Mul', [dy, op1('Sigmoid', [margin])]), inverse])),
  }));
  return {
    loss: tf.mean(losses),
    accuracy: tf.mean(tf.cast(tf.greater(positive, largest), 'float32')),
    positive,
    negative,
  };
}

/** Negatives that are constants. */
export interface Negatives {
  /** [N, D] → [N, K]. */
  readonly similarities: (query: Tensor) => Tensor;
  /** The sum of each row's negatives under weights, [N, K] → [N, D]. */
  readonly weighted: (weights: Tensor) => Tensor;
}

/**
 * `infoNce` where neither key nor negatives have gradients.
 * @param query [N, D]
 * @param key [N, D]
 */
export function contrast(
  query: Tensor,
  key: Tensor,
  { similarities, weighted }: Negatives,
  temperature: number,
): Contrast {
  const { loss, accuracy, positive, negative } = infoNce({
    query,
    key,
    temperature,
    similarities,
    inputs: [query],
    gradients: (shares, slope) => {
      const pull = op1('Sub', [weighted(shares), key]);
      return [op1('Mul', [pull, slope()])];
    },
  });
  const back = tf.scalar(temperature);
  return {
    loss,
    shares: { accuracy },
    observed: { positive: op1('Mul', [positive, back]), negative: op1('Mul', [negative, back]) },
  };
}

/** `contrast` with a bank that all queries share. @param bank [K, D] */
export function contrastWithBank(
  query: Tensor,
  key: Tensor,
  bank: Tensor,
  temperature: number,
): Contrast {
  const negatives = {
    similarities: (scaled: Tensor) => op1('MatMul', [scaled, bank], { transpose_b: true }),
    weighted: (shares: Tensor) => op1('MatMul', [shares, bank]),
  };
  return contrast(query, key, negatives, temperature);
}
