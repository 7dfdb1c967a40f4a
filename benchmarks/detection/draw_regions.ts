import { op1 } from '../../harness/engine/op.ts';
import { toFloat } from '../../harness/engine/precision.ts';
import { detached, type Tensor, tf } from '../../harness/engine/tf.ts';
import type { CoderWeights } from './box_coder.ts';
import type { HeadSpec, RegionTensors } from './c4.ts';
import { graphProposals, graphRegions } from './graph_regions.ts';
import { featureSize } from './infer.ts';
import { type OwnRegions, ownRows } from './own_rows.ts';
import { mostSamplesWithin } from './roi_align.ts';
import type { RpnOutput } from './rpn.ts';

/** What the draw of regions needs of the pictures of a batch. */
export interface DrawInputs {
  /** All anchors of the map, float32 [A, 4]. */
  readonly anchors: Tensor;
  /** Height and width of each picture without padding, float32 [N, 2]. */
  readonly sizes: Tensor;
  /** Ground truths, filled up with zeros, float32 [N, G, 4]. */
  readonly truths: Tensor;
  /** int32 [N, G]. */
  readonly classes: Tensor;
  /** How many of them are ground truths, int32 [N]. */
  readonly counts: Tensor;
  /** Draws in [0, 1), one for each proposal and each ground truth, float32 [N, proposals + G]. */
  readonly keys: Tensor;
}

/** The regions of a batch and, image by image, what they were drawn as. */
export interface DrawnRegions extends RegionTensors {
  readonly drawn: readonly OwnRegions[];
}

/**
 * Proposals of a batch, and the regions drawn of them that the step learns from, all within the step: nothing of it
 * carries a gradient. Each picture has as many as it gave (`regionSizes` are sizes of the entry).
 * @param prefix of the sizes, and `size` the longest side that a picture may have
 */
export function drawnWithin(
  spec: HeadSpec,
  proposed: RpnOutput,
  inputs: DrawInputs,
  { prefix, size: longest }: { readonly prefix: string; readonly size: number },
): DrawnRegions {
  const [images = 0] = proposed.logits.shape;
  const logits = tf.reshape(detached(toFloat(proposed.logits)), [images, -1]);
  const deltas = tf.reshape(detached(toFloat(proposed.deltas)), [images, -1, 4]);
  const parts = {
    ...{ logits: tf.unstack(logits), deltas: tf.unstack(deltas), keys: tf.unstack(inputs.keys) },
    ...{ sizes: tf.unstack(inputs.sizes), counts: tf.unstack(inputs.counts) },
    ...{ truths: tf.unstack(inputs.truths), classes: tf.unstack(inputs.classes) },
  };
  const of = (name: keyof typeof parts, i: number) => parts[name][i] as Tensor;
  const all = Array.from({ length: images }, (_, i) => {
    const { anchors } = inputs;
    const size = of('sizes', i);
    const found = graphProposals(
      of('logits', i),
      of('deltas', i),
      anchors,
      size,
      spec.proposals.train,
    );
    const truths = { boxes: of('truths', i), classes: of('classes', i), count: of('counts', i) };
    return graphRegions(found, truths, of('keys', i), spec.classes, spec.roi);
  });
  const drawn = ownRows(prefix, all);
  const shape = [images, ...featureSize({ height: longest, width: longest })];
  return {
    drawn,
    boxes: drawn.map(({ boxes }) => boxes),
    classes: tf.concat(
      drawn.map(({ classes }) => classes),
      0,
    ),
    deltas: tf.concat(
      drawn.map((one) =>
        deltasWhere(
          tf.less(one.classes, tf.scalar(spec.classes, 'int32')),
          one.boxes,
          one.truths,
          spec.roi.coderWeights,
        ),
      ),
      0,
    ),
    samples: mostSamplesWithin({ shape }, spec.pooler),
  };
}

/** As `encodeBoxes` where a region shows an object; zeros elsewhere. */
function deltasWhere(shown: Tensor, from: Tensor, to: Tensor, weights: CoderWeights): Tensor {
  const [count = 0] = from.shape;
  const half = (x: Tensor, at: 0 | 2) => tf.slice(x, [0, at], [count, 2]);
  const sides = (x: Tensor) => tf.sub(half(x, 2), half(x, 0));
  const centre = (x: Tensor) => tf.add(half(x, 0), tf.mul(sides(x), tf.scalar(0.5)));
  const pair = (a: number, b: number) => tf.tensor1d([a, b]);
  const [wx, wy, ww, wh] = weights;
  const shift = tf.div(tf.mul(tf.sub(centre(to), centre(from)), pair(wx, wy)), sides(from));
  const growth = tf.mul(op1('Log', [tf.div(sides(to), sides(from))]), pair(ww, wh));
  const moved = tf.concat([shift, growth], 1);
  return tf.where(tf.expandDims(shown, 1), moved, tf.zeros([count, 4]));
}
