import { z } from 'zod';
import { UserError } from '../base/errors.ts';
import { parse } from '../base/parse.ts';
import type { Detection, DetectionTask, Truth } from './coco_task.ts';

/** Left, top, width, height, in pixels; a size of 0 is one that nothing overlaps. */
export type Box = readonly [x: number, y: number, width: number, height: number];

const box = z.tuple([z.number(), z.number(), z.number().min(0), z.number().min(0)]);
const id = z.int();
const named = z.looseObject({ id });

/** Annotations as COCO publishes them, e.g. `instances_val2017.json`. */
const Annotations = z.looseObject({
  images: z.array(named).min(1),
  categories: z.array(named).min(1),
  annotations: z.array(
    z.looseObject({
      id,
      image_id: id,
      category_id: id,
      bbox: box,
      area: z.number().min(0),
      iscrowd: z.union([z.literal(0), z.literal(1), z.boolean()]).default(0),
    }),
  ),
});
export type Annotations = z.infer<typeof Annotations>;

/** @throws UserError that says where, for what is not in COCO's format, and for a repeated id */
export function parseAnnotations(value: unknown): Annotations {
  const annotations = parse(Annotations, value, 'annotations');
  unrepeated('image', annotations.images);
  unrepeated('category', annotations.categories);
  unrepeated('annotation', annotations.annotations);
  return annotations;
}

/** COCO's format of results. A score that JSON does not have, such as NaN, is refused with its place. */
const Results = z.array(
  z.looseObject({ image_id: id, category_id: id, bbox: box, score: z.number() }),
);

/**
 * What boxes are judged by, of the two files' contents.
 * @throws UserError that says where, for what is not in COCO's format, a repeated id, a negative size
 */
export function boxTask(annotations: unknown, results: unknown): DetectionTask<Box> {
  const { images, categories, annotations: known } = parseAnnotations(annotations);
  const truths = known.map(
    ({ image_id, category_id, bbox, area, iscrowd }): Truth<Box> => ({
      image: image_id,
      category: category_id,
      region: bbox,
      area,
      crowd: Boolean(iscrowd),
    }),
  );
  const detections = parse(Results, results, 'detections').map(
    ({ image_id, category_id, bbox, score }): Detection<Box> => ({
      image: image_id,
      category: category_id,
      region: bbox,
      area: bbox[2] * bbox[3],
      score,
    }),
  );
  return {
    images: images.map((image) => image.id),
    categories: categories.map((category) => category.id),
    truths,
    detections,
    overlap: boxOverlap,
  };
}

function unrepeated(what: string, list: readonly { readonly id: number }[]): void {
  const seen = new Set<number>();
  for (const { id } of list) {
    if (seen.has(id))
      throw new UserError(`annotations: ${what} ${id} is there twice; ids are to be unique`);
    seen.add(id);
  }
}

/** Intersection over union of two boxes; over the detection's own area where the truth is a crowd. */
export function boxOverlap(detection: Box, truth: Box, crowd: boolean): number {
  const width = overlapOf(detection[0], detection[2], truth[0], truth[2]);
  const height = overlapOf(detection[1], detection[3], truth[1], truth[3]);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  const own = detection[2] * detection[3];
  return shared / (crowd ? own : own + truth[2] * truth[3] - shared);
}

function overlapOf(a: number, sizeA: number, b: number, sizeB: number): number {
  return Math.min(a + sizeA, b + sizeB) - Math.max(a, b);
}
