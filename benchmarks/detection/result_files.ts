/** Detections in files, as other tools score them (docs/reference/detection.md, section 14), and back. */
import { join } from 'node:path';
import { z } from 'zod';
import { breath, parse, UserError, writeAtomic } from '../../harness/base/index.ts';
import type { ObjectTruths } from '../../harness/data/objects/objects.ts';
import { cocoResults, type Found, vocResults } from '../../harness/evaluation/object_scores.ts';
import type { Box } from '../../harness/metrics/coco_boxes.ts';
import { rleOfSegmentation, Segmentation } from '../../harness/metrics/coco_masks.ts';
import { extentOf, type Rle } from '../../harness/metrics/rle.ts';

/** Whose numbers a detector is judged by: VOC's of 2007, those of later years, or COCO's. */
export type Judging = 'voc' | 'voc12' | 'coco';

/**
 * Writes what was found, in the form of the data set's own tools: for VOC a text file a class, for COCO a
 * file of boxes and, where there are masks, one of masks.
 * @returns their names in the folder
 * @throws UserError where a file cannot be written
 */
export async function writeResults(
  folder: string,
  truths: ObjectTruths,
  found: readonly Found[],
  judging: Judging,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const files: (readonly [string, () => Iterable<string>])[] =
    judging === 'coco'
      ? cocoKinds(found).map((kind) => [
          `coco_${kind}_results.json`,
          () => cocoResults(truths, found, kind),
        ])
      : [...vocResults(truths, found)].map(([name, text]) => [name, () => [text]]);
  for (const [name, lines] of files) {
    await breath(signal);
    await writeAtomic(join(folder, name), inPieces(lines()));
  }
  return files.map(([name]) => name);
}

function cocoKinds(found: readonly Found[]): readonly ('boxes' | 'masks')[] {
  return found.length > 0 && found.every(({ mask }) => mask !== undefined)
    ? ['boxes', 'masks']
    : ['boxes'];
}

const PIECE = 1 << 20; // letters

function* inPieces(lines: Iterable<string>): Generator<Uint8Array> {
  let text = '';
  for (const line of lines) {
    text += line;
    if (text.length < PIECE) continue;
    yield Buffer.from(text);
    text = '';
  }
  yield Buffer.from(text);
}

const Results = z.array(
  z.looseObject({
    image_id: z.union([z.int(), z.string()]),
    category_id: z.int(),
    bbox: z.tuple([z.number(), z.number(), z.number().min(0), z.number().min(0)]).optional(),
    segmentation: Segmentation.optional(),
    score: z.number(),
  }),
);

/**
 * What a file of COCO's results says was found; a mask without a box gets that around it.
 * @throws UserError that says which result is malformed, of an unknown image or category, or without a region
 */
export function foundInCoco(truths: ObjectTruths, results: unknown): readonly Found[] {
  const places = placesOf(truths);
  const { classes, categories = [...classes.keys()].map((label) => label + 1) } = truths;
  return parse(Results, results, 'detections').map((one, i): Found => {
    const { image_id: id, category_id: category, segmentation, score } = one;
    const what = `detection ${i}`;
    const image = placeOf(places, what, id);
    const label = categories.indexOf(category);
    if (label < 0)
      throw new UserError(
        `${what}: category ${category} is none of the ${categories.length} that the data have; ` +
          'are its ids those of the annotations?',
      );
    const mask = segmentation && maskIn(what, truths, image, segmentation);
    const extent = one.bbox ?? (mask && extentOf(mask));
    if (extent === undefined)
      throw new UserError(
        `${what} has neither bbox nor segmentation; expected one of them, or both`,
      );
    const region = { box: cornersOf(extent), extent };
    if (!region.box.every(Number.isFinite))
      throw new UserError(`${what} has the bbox ${extent.join(', ')}; expected finite numbers`);
    return { image, class: label, ...region, score, ...(mask && { mask }) };
  });
}

/** In float32, as boxes were before width and height were taken of them. */
function cornersOf([x, y, width, height]: Box): Found['box'] {
  return [x, y, Math.fround(x + width), Math.fround(y + height)];
}

function maskIn(what: string, truths: ObjectTruths, image: number, given: Segmentation): Rle {
  const { width, height } = truths.image(image);
  try {
    return rleOfSegmentation(given, height, width);
  } catch (cause) {
    throw cause instanceof UserError
      ? new UserError(`${what}: ${cause.message}`, { cause })
      : cause;
  }
}

/**
 * What VOC's files of results say was found, in the order of the classes.
 * @param files text by name, as `vocResults` makes them
 * @throws UserError that names file and line of what is no detection, or of an unknown picture
 */
export function foundInVoc(
  truths: ObjectTruths,
  files: ReadonlyMap<string, string>,
): readonly Found[] {
  const places = placesOf(truths);
  return truths.classes.flatMap((name, label) => {
    const file = `comp4_det_test_${name}.txt`;
    const text = files.get(file);
    if (text === undefined)
      throw new UserError(`${file} is missing; VOC's results have a file for each class`);
    return text.split('\n').flatMap((line, i) => {
      if (line.trim() === '') return [];
      const what = `${file}, line ${i + 1}`;
      const [id = '', ...fields] = line.trim().split(/\s+/);
      const numbers = fields.map((field) => (NUMBER.test(field) ? Number(field) : Number.NaN));
      if (numbers.length !== 5 || !numbers.every(Number.isFinite))
        throw new UserError(`${what}: "${line}"; expected picture, score, xmin, ymin, xmax, ymax`);
      const [score = 0, xmin = 0, ymin = 0, xmax = 0, ymax = 0] = numbers;
      const image = placeOf(places, what, id);
      return [{ image, class: label, box: [xmin - 1, ymin - 1, xmax, ymax] as const, score }];
    });
  });
}

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/;

/** Pictures by the ids that files have for them. */
function placesOf({ count, image }: ObjectTruths): ReadonlyMap<string, number> {
  return new Map(Array.from({ length: count }, (_, i) => [String(image(i).id), i]));
}

function placeOf(places: ReadonlyMap<string, number>, what: string, id: string | number): number {
  const place = places.get(String(id));
  if (place !== undefined) return place;
  throw new UserError(`${what}: image ${id} is none of the ${places.size} of the data`);
}
