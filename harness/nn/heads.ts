import { UserError } from '../base/errors.ts';
import { op1 } from '../engine/op.ts';
import { softmaxCrossEntropy } from '../engine/ops/cross_entropy.ts';
import { flattened } from '../engine/ops/pooling.ts';
import { toFloat } from '../engine/precision.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import { averagePixels, linear } from './layers.ts';
import { composed, type Initial, type Module } from './module.ts';

export interface ClassifierOptions {
  /** Features of a sample, or channels where pixels are pooled first. */
  readonly inputs: number;
  readonly classes: number;
  /**
   * Takes [N, H, W, inputs] and averages over pixels; `flat`: [N, H, W, C], all values in the order
   * C, H, W, in which files keep the weights; without, [N, inputs].
   */
  readonly pool?: boolean | 'flat';
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
  return composed({ fc_cls }, (call, x, context) => {
    if (pool === 'flat') return call('fc_cls', wholeMap(x, inputs));
    return call('fc_cls', pool ? averagePixels.apply({}, x, context) : x);
  });
}

/** @throws UserError for a map of another number of values */
function wholeMap(x: Tensor, values: number): Tensor {
  const map = x.shape.slice(1);
  const found = map.reduce((a, b) => a * b, 1);
  if (found !== values)
    throw new UserError(
      `method.flat: ${values} values of an image, but its map [${map}] has ${found}; use ${found}`,
    );
  return flattened(x);
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

/**
 * What a step reports of a classification. `acc` is what references call the share, in percent.
 */
export function scored({ loss, accuracy }: Classification) {
  const acc = tf.mul(accuracy, tf.scalar(100));
  return { loss, shares: { accuracy }, observed: { acc } };
}
