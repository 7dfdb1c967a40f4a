import { type Tensor, tf } from '../tf.ts';
import { type ConvolutionOptions, conv2d } from './convolution.ts';

/** Channels that one product takes at least, where there are as many. */
const WIDTH = 64;

/**
 * Convolution whose channels lie in groups that do not see each other, as PyTorch's conv2d with
 * `groups`. CPU kernels have no gradient of one, so neighbouring groups are put into one convolution
 * with zeros between them: thin ones are slower than the zeros.
 * @param x [N, H, W, groups C]
 * @param filter [kh, kw, C, groups O], float32
 * @returns [N, H', W', groups O]
 * @throws UserError when the channels differ or the window does not fit.
 */
export function groupedConv2d(
  x: Tensor,
  filter: Tensor,
  groups: number,
  options: ConvolutionOptions = {},
): Tensor {
  if (groups === 1) return conv2d(x, filter, options);
  const [, , channels = 1] = filter.shape;
  const together = joined(groups, channels);
  const parts = groups / together;
  const inputs = parts === 1 ? [x] : tf.split(x, parts, 3);
  const filters = parts === 1 ? [filter] : tf.split(filter, parts, 3);
  const outputs = inputs.map((input, i) =>
    conv2d(input, spread(filters[i] as Tensor, together), options),
  );
  return parts === 1 ? (outputs[0] as Tensor) : tf.concat(outputs, 3);
}

/** Groups to a convolution: the fewest whose channels are wide enough, of those that divide all. */
function joined(groups: number, channels: number): number {
  const divisors = Array.from({ length: groups }, (_, i) => i + 1).filter((n) => groups % n === 0);
  return divisors.find((n) => n * channels >= WIDTH) ?? groups;
}

/** [kh, kw, C, groups O] → [kh, kw, groups C, groups O], 0 between channels of different groups. */
function spread(filter: Tensor, groups: number): Tensor {
  if (groups === 1) return filter;
  const [kh = 0, kw = 0, channels = 0, outputs = 0] = filter.shape;
  const own = outputs / groups;
  const mask = Array.from({ length: groups * outputs }, (_, i) =>
    Math.floor((i % outputs) / own) === Math.floor(i / outputs) ? 1 : 0,
  );
  const placed = tf.mul(
    tf.reshape(filter, [kh, kw, 1, channels, outputs]),
    tf.tensor3d(mask, [groups, 1, outputs]),
  );
  return tf.reshape(placed, [kh, kw, groups * channels, outputs]);
}
