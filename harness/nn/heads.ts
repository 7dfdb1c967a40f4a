import { withGradient } from '../engine/gradient.ts';
import { op1 } from '../engine/op.ts';
import { softmaxCrossEntropy } from '../engine/ops/cross_entropy.ts';
import { toFloat } from '../engine/precision.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import { averagePixels, linear } from './layers.ts';
import { composed, type Initial, type Module } from './module.ts';

/** InfoNCE against a bank: see `contrastWithBank`. */
export interface BankContrast {
  /** Mean over rows, scalar, nats. */
  readonly loss: Tensor;
  /** Share of rows whose positive is the largest, scalar. */
  readonly accuracy: Tensor;
  /** Similarities before the temperature: [N, 1] and [N, K]. */
  readonly positive: Tensor;
  readonly negative: Tensor;
}

/**
 * InfoNCE: cross entropy that picks a row's key among it and the bank, mean over rows. van den Oord et
 * al. 2018, arXiv:1807.03748, eq. 4; He et al. 2020, arXiv:1911.05722, eq. 1. Keys and bank have no
 * gradients. With lse = log sum exp of a row of negatives the loss is softplus(lse - positive), and
 * its slope sigmoid(lse - positive) (softmax(negatives) bank - key) / temperature: the [N, K] matrix,
 * the largest of the step, is passed over four times instead of ten.
 * @param query [N, D]
 * @param key [N, D]
 * @param bank [K, D]
 */
export function contrastWithBank(
  query: Tensor,
  key: Tensor,
  bank: Tensor,
  temperature: number,
): BankContrast {
  const inverse = tf.scalar(1 / temperature);
  const scaled = op1('Mul', [query, inverse]);
  const positive = op1('Sum', [op1('Mul', [scaled, key]), tf.scalar(1, 'int32')], {
    keep_dims: true,
  });
  const negative = op1('MatMul', [scaled, bank], { transpose_b: true });
  const shares = op1('Softmax', [negative]);
  const largest = tf.max(negative, 1, true);
  // The largest share is at least 1 / K, so its logarithm is safe whatever the temperature.
  const lse = op1('Sub', [largest, op1('Log', [tf.max(shares, 1, true)])]);
  const margin = op1('Sub', [lse, positive]); // [N, 1]
  const losses = withGradient([query], () => ({
    value: op1('Softplus', [margin]),
    gradients: (dy) => {
      const pull = op1('Sub', [op1('MatMul', [shares, bank]), key]);
      const slope = op1('Mul', [op1('Mul', [dy, op1('Sigmoid', [margin])]), inverse]);
      return [op1('Mul', [pull, slope])];
    },
  }));
  const back = tf.scalar(temperature);
  return {
    loss: tf.mean(losses),
    accuracy: tf.mean(tf.cast(tf.greater(positive, largest), 'float32')),
    positive: op1('Mul', [positive, back]),
    negative: op1('Mul', [negative, back]),
  };
}

export interface ClassifierOptions {
  /** Features of a sample, or channels where pixels are pooled first. */
  readonly inputs: number;
  readonly classes: number;
  /** Takes [N, H, W, inputs] and averages over pixels; without, [N, inputs]. */
  readonly pool?: boolean;
  /** How the weight starts; N(0, 2 / inputs) unless given. The bias starts at 0. */
  readonly initial?: Initial;
}

/**
 * One fully connected layer, `fc_cls`, to [N, classes]: ClsHead of the original
 * (docs/reference/methods.md, section 1.3).
 */
export function classifier({ inputs, classes, pool = false, initial }: ClassifierOptions): Module {
  const fc_cls = linear({
    inputs,
    outputs: classes,
    ...(initial === undefined ? {} : { initial }),
  });
  return composed({ fc_cls }, (call, x, context) =>
    call('fc_cls', pool ? averagePixels.apply({}, x, context) : x),
  );
}

/** How well logits tell classes: see `classification`. */
export interface Classification {
  /** Mean over rows, scalar, nats. */
  readonly loss: Tensor;
  /** Share of rows whose own class is the largest, scalar. */
  readonly accuracy: Tensor;
}

/**
 * Softmax cross entropy, mean over rows. With weights w by class the mean is
 * sum of w(target) loss / sum of w(target), as torch.nn.CrossEntropyLoss has it.
 * @param logits [N, C], taken to float32
 * @param targets int32 [N] in 0..C-1
 * @param weights float32 [C], without gradient; all 1 unless given
 */
export function classification(logits: Tensor, targets: Tensor, weights?: Tensor): Classification {
  const losses = softmaxCrossEntropy(logits, targets); // [N]
  const found = tf.argMax(toFloat(logits), 1);
  const accuracy = tf.mean(tf.cast(tf.equal(found, targets), 'float32'));
  if (weights === undefined) return { loss: tf.mean(losses), accuracy };
  const own = op1('GatherV2', [weights, targets, tf.scalar(0, 'int32')]); // [N]
  return { loss: tf.div(tf.sum(tf.mul(losses, own)), tf.sum(own)), accuracy };
}
