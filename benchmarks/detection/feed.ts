import { UserError } from '../../harness/base/index.ts';
import type { Image } from '../../harness/data/images/image.ts';
import type { TrainingPicture } from '../../harness/data/objects/object_pictures.ts';
import { type PaddedPictures, paddedPictures } from '../../harness/data/objects/picture.ts';
import { concatenated } from '../../harness/engine/array.ts';
import type { Sizes } from '../../harness/engine/program.ts';
import type { FeedSetup, ObjectInputs, PictureShape } from '../../harness/experiment/index.ts';
import { stream } from '../../harness/random/stream.ts';
import { anchorGrid } from './anchors.ts';
import { MOST_OF_OUTLINE, nameOf, outlineSizes } from './draw_masks.ts';
import { featureSize } from './infer.ts';
import { anchorsOfCell, type MethodSpec } from './method_spec.ts';
import { sideCount, sidesOf } from './outline_sides.ts';
import { regionSizes } from './own_rows.ts';
import type { Polygon } from './polygons.ts';
import { type AnchorTargets, drawAnchors } from './rpn.ts';

/** Sides of a batch, pixels: no map has a side of less than two cells then. */
const LEAST = 32;
/** For small pictures as well: in a wide range what follows from one size is easily told from what follows from another. */
const WIDE = 1024;

/** Bounds of the height and width of a batch, given the longest side of a picture. */
export function paddedRange(size: number) {
  return { least: Math.min(LEAST, size), most: Math.max(WIDE, size) };
}

/**
 * What a step of one replica takes, by name: pictures, what their anchors learn, and what regions are drawn with. Height
 * and width are free, those of the largest picture of the batch.
 */
export function stepInputs(
  spec: MethodSpec,
  { batch, size, most }: PictureShape,
  prefix: string,
): ObjectInputs {
  const side = (name: 'height' | 'width') => (own: Sizes) => own[prefix + name] ?? Number.NaN;
  const [height, width] = [side('height'), side('width')];
  const cells = (own: Sizes) => {
    const [rows, columns] = featureSize({ height: height(own), width: width(own) });
    return rows * columns * anchorsOfCell(spec.anchors);
  };
  const float = (...shape: number[]) => ({ dtype: 'float32', shape: [batch, ...shape] }) as const;
  const int = (...shape: number[]) => ({ dtype: 'int32', shape: [batch, ...shape] }) as const;
  const free = (shape: (own: Sizes) => number[]) => ({ dtype: 'float32', shape }) as const;
  const range = paddedRange(size);
  const sizes = {
    ...{ [`${prefix}height`]: range, [`${prefix}width`]: range },
    ...regionSizes(prefix, batch, spec.roi.count),
  };
  const inputs = {
    images: free((own) => [batch, height(own), width(own), 3]),
    anchors: free((own) => [cells(own), 4]),
    labels: free((own) => [batch, cells(own)]),
    drawn: free((own) => [batch, cells(own)]),
    moved: free((own) => [batch, cells(own), 4]),
    deltas: free((own) => [batch, cells(own), 4]),
    sizes: float(2),
    truths: float(most, 4),
    classes: int(most),
    counts: int(),
    keys: float(spec.proposals.train.after + most),
  };
  if (spec.mask === undefined) return { inputs, sizes };
  const corners = (own: Sizes) => own[nameOf(prefix, 'corners')] ?? Number.NaN;
  const outlines = {
    sides: { dtype: 'float64', shape: (own: Sizes) => [batch, most, corners(own), 4] },
    parts: { dtype: 'int32', shape: (own: Sizes) => [batch, most, corners(own)] },
  } as const;
  return { inputs: { ...inputs, ...outlines }, sizes: { ...sizes, ...outlineSizes(prefix) } };
}

/**
 * The same, made of pictures. Draws have streams of their own by the seed and the picture's place in the endless order, so
 * they are those of this picture in this step, whoever makes them.
 * @throws UserError for a picture with more objects than there is room for
 */
export function fedWith(spec: MethodSpec, setup: FeedSetup, pictures: readonly TrainingPicture[]) {
  const { most, seed } = setup;
  const images = pictures.map(({ picture }) => picture);
  const { pixels, height, width } = networkPixels(images, spec, setup);
  const anchors = anchorGrid(spec.anchors, ...featureSize({ height, width }));
  const each = pictures.map(({ targets, place }) => {
    const boxes = Float32Array.from(targets.flatMap(({ box }) => box));
    return drawAnchors(boxes, anchors, spec.rpn, stream(seed, 'anchors drawn', place));
  });
  const joined = (name: keyof AnchorTargets) => concatenated(each.map((one) => one[name]));
  const [truths, classes] = [
    new Float32Array(4 * most * pictures.length),
    new Int32Array(most * pictures.length),
  ];
  const keyed = spec.proposals.train.after + most;
  const keys = new Float32Array(keyed * pictures.length);
  for (const [i, { targets, place, index }] of pictures.entries()) {
    if (targets.length > most)
      throw new UserError(
        `data.objects.most: ${most}, but picture ${index} of data.train has ${targets.length} objects; raise it`,
      );
    for (const [k, { box, class: label }] of targets.entries()) {
      truths.set(box, 4 * (i * most + k));
      classes[i * most + k] = label;
    }
    const draws = stream(seed, 'regions drawn', place);
    for (let k = 0; k < keyed; k++) keys[i * keyed + k] = draws.uniform();
  }
  const inputs = {
    ...{ images: pixels, anchors },
    ...{ labels: joined('labels'), drawn: joined('drawn') },
    ...{ moved: joined('moved'), deltas: joined('deltas') },
    sizes: Float32Array.from(pictures.flatMap(({ picture }) => [picture.height, picture.width])),
    ...{ truths, classes, keys },
    counts: Int32Array.from(pictures, ({ targets }) => targets.length),
  };
  const sizes = { height, width };
  if (spec.mask === undefined) return { inputs, sizes };
  const outlines = outlinesOf(pictures, most);
  return { inputs: { ...inputs, ...outlines.inputs }, sizes: { ...sizes, ...outlines.sizes } };
}

/** Outlines of the objects of all pictures, with room for `most` of each. */
function outlinesOf(pictures: readonly TrainingPicture[], most: number) {
  const objects = pictures.flatMap(({ targets, index }) => {
    const outlines = targets.map(({ polygons }) => polygons);
    for (const [k, polygons] of outlines.entries()) {
      const fault = faultOfOutline(polygons);
      if (fault !== undefined)
        throw new UserError(`data.train: object ${k} of picture ${index} has ${fault}`);
    }
    return Array.from({ length: most }, (_, k) => outlines[k] ?? []);
  });
  const corners = Math.max(4, ...objects.map(sideCount));
  const polygons = Math.max(1, ...objects.map(({ length }) => length));
  return { inputs: sidesOf(objects, corners), sizes: { corners, polygons } };
}

/** Why no mask is learnt from an object, as the end of a sentence. */
function faultOfOutline(polygons: readonly Polygon[]): string | undefined {
  if (polygons.length === 0)
    return 'no outline, and masks are learnt from polygons or run lengths; leave out detector.mask, or give it one';
  const [sides, most] = [sideCount(polygons), MOST_OF_OUTLINE];
  return sides > most.corners || polygons.length > most.polygons
    ? `an outline of ${polygons.length} polygons with ${sides} sides together; expected at most ${most.polygons} and ${most.corners}: smooth it`
    : undefined;
}

const BYTE = 255;

/** Pictures as the network takes them, padded to the largest height and width among them. */
export function networkPixels(
  pictures: readonly Image[],
  { channels }: Pick<MethodSpec, 'channels'>,
  { size, mean, std }: Pick<FeedSetup, 'size' | 'mean' | 'std'>,
): PaddedPictures {
  const scale = { mean: inBytes(mean), std: inBytes(std) };
  const { least } = paddedRange(size);
  const padded = paddedPictures(pictures, scale, { height: least, width: least });
  const { pixels } = padded;
  if (channels === 'bgr')
    for (let at = 0; at < pixels.length; at += 3) pixels.subarray(at, at + 3).reverse();
  return padded;
}

/** Channel means or deviations of pixels in 0..1 as those of bytes. */
function inBytes(values: readonly number[]): readonly number[] {
  return values.map((value) => BYTE * value);
}
