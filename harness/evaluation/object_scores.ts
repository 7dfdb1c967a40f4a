/** How a detector is judged, docs/reference/detection.md, section 14, and its results in files for others. */
import type { ObjectTruths, SeenObject } from '../data/objects/objects.ts';
import type { FoundObject } from '../experiment/index.ts';
import { type Box, boxOverlap } from '../metrics/coco_boxes.ts';
import { type CocoScores, cocoDetection } from '../metrics/coco_detection.ts';
import { type Mask, maskOf, maskOverlap } from '../metrics/coco_masks.ts';
import type { Detection, DetectionTask, Truth } from '../metrics/coco_task.ts';
import { decimals } from '../metrics/decimals.ts';
import type { Rle } from '../metrics/rle.ts';
import { rleOfPolygons } from '../metrics/rle_polygon.ts';
import { rleText } from '../metrics/rle_text.ts';
import {
  type VocBox,
  type VocDetection,
  type VocRule,
  type VocScores,
  type VocTruth,
  vocDetection,
} from '../metrics/voc_detection.ts';

/** What was found in a picture. */
export interface Found extends FoundObject {
  /** Index of the picture in the source. */
  readonly image: number;
  /** Left, top, width and height as a file of results has them: the same box before it was rounded. */
  readonly extent?: Box;
}

/** Left, top, width, height; reckoned in float32, as detectron2's boxes are. */
export function extentOfBox({
  extent: own,
  box: [x1, y1, x2, y2],
}: Pick<Found, 'box' | 'extent'>): Box {
  return own ?? [x1, y1, Math.fround(x2 - x1), Math.fround(y2 - y1)];
}

/** COCO's numbers of boxes. */
export function cocoBoxScores(truths: ObjectTruths, found: readonly Found[]): CocoScores {
  const seen = truthsOf(truths, ({ extent: own, box: [x1, y1, x2, y2] }) => {
    return own ?? ([x1, y1, x2 - x1, y2 - y1] as const);
  });
  const detections = found.map((one): Detection<Box> => {
    const region = extentOfBox(one);
    return { ...cellOf(one), region, area: region[2] * region[3] };
  });
  return cocoDetection({ ...task(truths), truths: seen, detections, overlap: boxOverlap });
}

/** COCO's numbers of masks. @param found each with its mask */
export function cocoMaskScores(truths: ObjectTruths, found: readonly Found[]): CocoScores {
  const seen = truthsOf(truths, (object, index) => maskOf(rleOfObject(object, truths, index)));
  const detections = found.map((one, i): Detection<Mask> => {
    if (one.mask === undefined) throw new Error(`detection ${i} has no mask`);
    const region = maskOf(one.mask);
    return { ...cellOf(one), region, area: region.area };
  });
  return cocoDetection({ ...task(truths), truths: seen, detections, overlap: maskOverlap });
}

function cellOf({ image, class: category, score }: Found) {
  return { image, category, score };
}

/** Pictures by index and classes by number: the same order as by COCO's ids, which both rise with. */
function task({
  count,
  classes,
}: ObjectTruths): Pick<DetectionTask<never>, 'images' | 'categories'> {
  return { images: Array.from({ length: count }, (_, i) => i), categories: [...classes.keys()] };
}

function truthsOf<Region>(
  { count, objects }: ObjectTruths,
  region: (object: SeenObject, index: number) => Region,
): Truth<Region>[] {
  return Array.from({ length: count }, (_, image) =>
    objects(image).map((object) => {
      const { class: category, area, crowd } = object;
      return { image, category, area, crowd, region: region(object, image) };
    }),
  ).flat();
}

/** What an object covers; of one with neither mask nor polygons nothing. */
export function rleOfObject(
  { mask, polygons }: SeenObject,
  { image }: ObjectTruths,
  index: number,
): Rle {
  if (mask !== undefined) return mask;
  const { width, height } = image(index);
  return rleOfPolygons(height, width, polygons ?? []);
}

/**
 * COCO's file of results: categories and pictures by their own ids, an object a line.
 * @param regions of both, pycocotools takes the sizes of masks from their boxes; a file each is scored rightly
 */
export function* cocoResults(
  { image, categories }: ObjectTruths,
  found: readonly Found[],
  regions: 'boxes' | 'masks' | 'both' = 'both',
): Generator<string> {
  yield '[';
  for (const [i, one] of found.entries()) {
    const { class: label, score } = one;
    const mask = regions === 'boxes' ? undefined : one.mask;
    const result = {
      image_id: image(one.image).id,
      // Data without ids of their own number the classes from 1, as COCO does.
      category_id: categories?.[label] ?? label + 1,
      ...(regions === 'masks' ? {} : { bbox: extentOfBox(one) }),
      score,
      ...(mask && { segmentation: { size: [mask.height, mask.width], counts: rleText(mask) } }),
    };
    yield `${i === 0 ? '\n' : ',\n'}${JSON.stringify(result)}`;
  }
  yield '\n]\n';
}

/** A detection as VOC's text has it: 1 added to its left and upper side, in float32, then rounded. */
function vocFields({ box: [x1, y1, x2, y2], score }: Found): readonly string[] {
  const sides = [Math.fround(x1 + 1), Math.fround(y1 + 1), x2, y2];
  return [decimals(score, 3), ...sides.map((side) => decimals(side, 1))];
}

/** VOC's files of results, by class: lines of picture, score, and the box counted from 1. */
export function vocResults(
  { image, classes }: ObjectTruths,
  found: readonly Found[],
): ReadonlyMap<string, string> {
  const lines = classes.map(() => [] as string[]);
  for (const one of found)
    lines[one.class]?.push(`${image(one.image).id} ${vocFields(one).join(' ')}\n`);
  return new Map(
    classes.map((name, label) => [`comp4_det_test_${name}.txt`, (lines[label] ?? []).join('')]),
  );
}

/** VOC's three numbers, of what those files say: scores that are equal there tie. */
export function vocScores(
  truths: ObjectTruths,
  found: readonly Found[],
  rule: VocRule = '11_point',
): VocScores {
  const { count: images, classes } = truths;
  const { seen, detections } = vocLists(truths, found);
  return vocDetection(seen, detections, { classes, images, rule });
}

/** What VOC's numbers are made of, in its own pixels. */
export function vocLists({ count, objects }: ObjectTruths, found: readonly Found[]) {
  const seen = Array.from({ length: count }, (_, image) =>
    objects(image).map(({ class: label, box: [x1, y1, x2, y2], difficult }): VocTruth => {
      const box: VocBox = [x1 + 1, y1 + 1, x2, y2];
      return { image, class: label, box, difficult };
    }),
  ).flat();
  const detections = found.map((one): VocDetection => {
    const [score = 0, a = 0, b = 0, c = 0, d = 0] = vocFields(one).map(Number);
    return { image: one.image, class: one.class, box: [a, b, c, d], score };
  });
  return { seen, detections };
}
