import { z } from 'zod';
import { UserError } from '../base/errors.ts';
import { parse } from '../base/parse.ts';
import { type Box, boxOverlap, parseAnnotations } from './coco_boxes.ts';
import type { DetectionTask } from './coco_task.ts';
import { areaOf, extentOf, type Rle, rleOf, sharedArea } from './rle.ts';
import { isFarOutside, rleOfPolygons } from './rle_polygon.ts';
import { rleOfText } from './rle_text.ts';

/** A mask with what its overlaps need of it. */
export interface Mask {
  readonly rle: Rle;
  readonly area: number;
  readonly extent: Box;
}

export function maskOf(rle: Rle): Mask {
  return { rle, area: areaOf(rle), extent: extentOf(rle) };
}

const size = z.tuple([z.int().positive(), z.int().positive()]);

/** What COCO's files may have as an object's `segmentation`. */
export const Segmentation = z.union([
  z.array(z.array(z.number())),
  z.looseObject({ size, counts: z.union([z.string(), z.array(z.number())]) }),
]);
export type Segmentation = z.infer<typeof Segmentation>;

/** @throws UserError for run lengths that are none, or of another size than the image, and outlines far outside it */
export function rleOfSegmentation(segmentation: Segmentation, height: number, width: number): Rle {
  if (Array.isArray(segmentation)) {
    if (segmentation.some((points) => isFarOutside(points, height, width)))
      throw new UserError(
        `an outline far outside its image of ${height} x ${width} pixels; expected x, y, x, y, … in pixels`,
      );
    return rleOfPolygons(height, width, segmentation);
  }
  const { size, counts } = segmentation;
  if (size[0] !== height || size[1] !== width)
    throw new UserError(
      `a mask of size [${size}] on an image of ${height} x ${width} pixels; expected the image's own`,
    );
  return typeof counts === 'string'
    ? rleOfText(height, width, counts)
    : rleOf(height, width, counts);
}

/** Intersection over union of two masks; over the detection's own area where the truth is a crowd. */
export function maskOverlap(detection: Mask, truth: Mask, crowd: boolean): number {
  // As pycocotools: only what overlaps with its box is looked at more closely.
  if (boxOverlap(detection.extent, truth.extent, false) <= 0) return 0;
  const shared = sharedArea(detection.rle, truth.rle);
  if (shared === 0) return 0;
  return shared / (crowd ? detection.area : detection.area + truth.area - shared);
}

const Sizes = z.looseObject({
  images: z.array(z.looseObject({ id: z.int(), height: z.int(), width: z.int() })),
  annotations: z.array(z.looseObject({ segmentation: Segmentation })),
});

const Results = z.array(
  z.looseObject({
    image_id: z.int(),
    category_id: z.int(),
    segmentation: Segmentation,
    score: z.number(),
  }),
);

/**
 * What masks are judged by, of the two files' contents; sizes of detections are those of their masks.
 * @throws UserError that says where, as `boxTask`, and for masks that are none
 */
export function maskTask(annotations: unknown, results: unknown): DetectionTask<Mask> {
  const { images, categories, annotations: known } = parseAnnotations(annotations);
  const drawn = parse(Sizes, annotations, 'annotations');
  const sizes = new Map(drawn.images.map(({ id, height, width }) => [id, { height, width }]));
  const maskIn = (what: string, image: number, segmentation: Segmentation): Mask => {
    const size = sizes.get(image);
    if (size === undefined)
      throw new UserError(`${what}: image ${image} is none of the ${sizes.size} of the data`);
    try {
      return maskOf(rleOfSegmentation(segmentation, size.height, size.width));
    } catch (cause) {
      throw cause instanceof UserError
        ? new UserError(`${what}: ${cause.message}`, { cause })
        : cause;
    }
  };
  const truths = known.map(({ id, image_id, category_id, area, iscrowd }, i) => ({
    image: image_id,
    category: category_id,
    region: maskIn(`annotation ${id}`, image_id, drawn.annotations[i]?.segmentation ?? []),
    area,
    crowd: Boolean(iscrowd),
  }));
  const detections = parse(Results, results, 'detections').map((found, i) => {
    const region = maskIn(`detection ${i}`, found.image_id, found.segmentation);
    const { image_id: image, category_id: category, score } = found;
    return { image, category, region, area: region.area, score };
  });
  return {
    images: images.map(({ id }) => id),
    categories: categories.map(({ id }) => id),
    truths,
    detections,
    overlap: maskOverlap,
  };
}
