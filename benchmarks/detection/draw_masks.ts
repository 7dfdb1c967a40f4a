import { op1 } from '../../harness/engine/op.ts';
import { rows } from '../../harness/engine/ops/indexing.ts';
import { freeSize } from '../../harness/engine/sizes/free_size.ts';
import type { SizeSpecs } from '../../harness/engine/sizes/ranges.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import type { HeadSpec, MaskTensors } from './c4.ts';
import type { DrawnRegions } from './draw_regions.ts';
import { graphMaskTargets } from './graph_masks.ts';
import { maskSide } from './mask_head.ts';

/** Of an object, the most that a step takes. */
export const MOST_OF_OUTLINE = { corners: 16_384, polygons: 1024 } as const;

/** The free sizes that outlines have: sides of an object, and polygons of one, at most in this batch. */
export function outlineSizes(prefix: string): SizeSpecs {
  return {
    [nameOf(prefix, 'corners')]: { least: 4, most: MOST_OF_OUTLINE.corners },
    [nameOf(prefix, 'polygons')]: { least: 1, most: MOST_OF_OUTLINE.polygons },
  };
}

export function nameOf(prefix: string, size: 'corners' | 'polygons'): string {
  return prefix + size;
}

/** Outlines of all pictures of a batch. */
export interface OutlineInputs {
  /** float64 [N, G, corners, 4]. */
  readonly sides: Tensor;
  /** int32 [N, G, corners]. */
  readonly parts: Tensor;
}

/**
 * What the mask head learns of regions that were drawn: those of each picture that show an object come first, and there is
 * room for as many as may be drawn. What is left over of it counts nothing.
 */
export function masksWithin(
  { classes: background, roi, pooler }: Pick<HeadSpec, 'classes' | 'roi' | 'pooler'>,
  regions: DrawnRegions | undefined,
  { sides, parts }: OutlineInputs,
  { prefix }: { readonly prefix: string },
): MaskTensors {
  if (regions === undefined) throw new Error('detection: masks before regions');
  const room = Math.max(1, Math.floor(roi.count * roi.positiveFraction));
  const most = freeSize(nameOf(prefix, 'polygons'));
  const [sidesOf, partsOf] = [tf.unstack(sides), tf.unstack(parts)];
  const side = maskSide(pooler);
  let before = int(0);
  const all = regions.drawn.map((own, image) => {
    const [corners, polygon] = [sidesOf[image], partsOf[image]];
    if (corners === undefined || polygon === undefined) throw new Error('detection: no outlines');
    const count = countOf(own.classes);
    const wanted = tf.range(0, room, 1, 'int32');
    const place = tf.minimum(wanted, tf.sub(count, int(1)));
    const classes = rows(own.classes, place);
    const shows = tf.logicalAnd(tf.less(wanted, count), tf.less(classes, int(background)));
    const outlines = { sides: corners, parts: polygon, most };
    const targets = graphMaskTargets(
      outlines,
      rows(own.goals, place),
      rows(own.boxes, place),
      side,
    );
    const index = tf.add(place, before);
    before = tf.add(before, count);
    return { index, classes, targets, counts: tf.cast(shows, 'float32') };
  });
  const joined = (name: keyof (typeof all)[number]) =>
    tf.concat(
      all.map((one) => one[name]),
      0,
    );
  return {
    ...{ index: joined('index'), classes: joined('classes') },
    ...{ targets: joined('targets'), counts: joined('counts') },
  };
}

/** How many rows there are when the step runs. */
function countOf(x: Tensor): Tensor {
  return op1('Sum', [op1('OnesLike', [x]), int(0)]);
}

function int(value: number): Tensor {
  return tf.scalar(value, 'int32');
}
