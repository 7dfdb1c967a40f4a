import { withGradient } from '../gradient.ts';
import { native } from '../native/capi.ts';
import { op, op1 } from '../op.ts';
import { asTypeOf, toFloat } from '../precision.ts';
import { type Tensor, tf } from '../tf.ts';

/** One loss a row, and its slope in the logits of that row. */
interface Losses {
  readonly losses: Tensor;
  readonly slope: Tensor;
}

/**
 * Softmax cross-entropy with integer targets, one loss a row.
 * @param logits [N, C], taken to float32
 * @param targets int32 [N] in 0..C-1
 * @returns [N], in nats
 */
export function softmaxCrossEntropy(logits: Tensor, targets: Tensor): Tensor {
  const form = native().library.device === 'gpu' ? composed : fused;
  return crossEntropyBy(form, logits, targets);
}

/** As `softmaxCrossEntropy`, in one of its two forms, whatever the device. */
export function crossEntropyBy(
  form: (logits: Tensor, targets: Tensor) => Losses,
  logits: Tensor,
  targets: Tensor,
): Tensor {
  return withGradient([logits], () => {
    const { losses, slope } = form(toFloat(logits), targets);
    return {
      value: losses,
      gradients: (dy) => [asTypeOf(tf.mul(slope, tf.expandDims(toFloat(dy), 1)), logits)],
    };
  });
}

/** One kernel; a target that is no class fails the run. */
function fused(logits: Tensor, targets: Tensor): Losses {
  const [losses, slope] = op('SparseSoftmaxCrossEntropyWithLogits', [logits, targets], {}, 2);
  if (!losses || !slope) throw new Error('cross entropy: outputs are missing');
  return { losses, slope };
}

/**
 * The fused kernel of a GPU refuses to run where determinism is asked for. This is the way of
 * TensorFlow's Python side: -log softmax at the target. A target that is no class gives NaN (0 / 0).
 */
export function composed(logits: Tensor, targets: Tensor): Losses {
  const classes = tf.range(0, logits.shape[1] ?? 0, 1, 'int32');
  const own = tf.cast(tf.equal(tf.expandDims(targets, 1), classes), 'float32');
  const chosen = tf.sum(tf.mul(own, op1('LogSoftmax', [logits])), 1);
  const losses = tf.neg(op1('RealDiv', [chosen, tf.sum(own, 1)]));
  return { losses, slope: tf.sub(op1('Softmax', [logits]), own) };
}
