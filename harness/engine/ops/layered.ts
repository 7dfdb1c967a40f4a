import { sizeOf } from '../array.ts';
import { onCpu } from '../native/capi.ts';
import { activeGraph, bySize, sizesAreFree, type Tensor, tf, unwrap, wrap } from '../tf.ts';

/** From how many values and channels on it pays. The graphs of all goldens stay below. */
const LARGE = { values: 3 << 18, channels: 64 } as const;

/** Pixels of a layer. */
const PIXELS = 8;

/**
 * A large batch as batch norm is quickest with it: [N, H, W, C] → [N H W / 8, 8, 1, C]. The statistics do
 * not tell pixels of one image from those of another, but oneDNN's kernel does: it takes what no
 * cache holds some channels at a time, and so each line of memory several times, unless there are
 * many small images (reports/measurements.md, "Batch norm in layers").
 */
export function layered(x: Tensor): Tensor {
  if (!isLarge(x)) return x;
  const channels = x.shape.at(-1) ?? 0;
  // What divides the number of pixels differs from size to size; but rows do.
  if (sizesAreFree()) return inRows(x);
  const all = sizeOf(x.shape) / channels;
  const pixels = [PIXELS, 7, 6, 5, 4, 3, 2].find((count) => all % count === 0) ?? 1;
  return tf.reshape(x, [all / pixels, pixels, 1, channels]);
}

/**
 * The batch norm that `x` is, before its layers were put together again: a ReLU of that is one kernel
 * with it.
 */
export function layeredNorm(x: Tensor): Tensor | undefined {
  if (!isLarge(x)) return undefined;
  const graph = activeGraph();
  const made = graph.maker(unwrap(x));
  const [source] = made?.type === 'Reshape' ? made.inputs : [];
  if (source === undefined || graph.maker(source)?.type !== 'FusedBatchNormV3') return undefined;
  return wrap(source);
}

/** Each row of an image as an image: [N, H, W, C] → [N H, W, 1, C]. */
function inRows(x: Tensor): Tensor {
  const [count = 0, height = 0, width = 0, channels = 0] = x.shape;
  return tf.reshape(x, [count * height, width, 1, channels]);
}

function isLarge({ shape }: Tensor): boolean {
  const wide = (shape.at(-1) ?? 0) >= LARGE.channels;
  return wide && onCpu() && bySize(() => sizeOf(shape) >= LARGE.values);
}
