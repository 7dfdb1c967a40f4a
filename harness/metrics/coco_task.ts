import { UserError } from '../base/errors.ts';

/** One object that an image shows. */
export interface Truth<Region> {
  readonly image: number;
  readonly category: number;
  readonly region: Region;
  /** In pixels, as annotated: of the mask where there is one, not of the box. */
  readonly area: number;
  /** Several objects under one region: matched any number of times, and never counted. */
  readonly crowd: boolean;
}

/** One object that a detector claims to see. */
export interface Detection<Region> {
  readonly image: number;
  readonly category: number;
  readonly region: Region;
  readonly area: number;
  readonly score: number;
}

/** What is judged; a region is a box, or later a mask. */
export interface DetectionTask<Region> {
  /** Ids, in any order. */
  readonly images: readonly number[];
  readonly categories: readonly number[];
  readonly truths: readonly Truth<Region>[];
  readonly detections: readonly Detection<Region>[];
  /** Intersection over union; over the area of the detection alone where the truth is a crowd. */
  overlap(detection: Region, truth: Region, crowd: boolean): number;
}

/** What belongs to one image and one category. */
export interface Group<Region> {
  readonly truths: Truth<Region>[];
  readonly detections: Detection<Region>[];
}

/** Ascending, without repeats: the order in which COCO's own evaluation looks at ids. */
export function ascending(ids: readonly number[]): readonly number[] {
  return [...new Set(ids)].sort((a, b) => a - b);
}

/**
 * The groups of each category, by ascending image; an image without anything has none. Within one,
 * truths and detections are in the order of their lists.
 * @throws UserError for an id that the task does not have, and for numbers that are none
 */
export function grouped<Region>(
  task: DetectionTask<Region>,
): ReadonlyMap<number, readonly Group<Region>[]> {
  const byImage = new Map(
    task.categories.map((category) => [category, new Map<number, Group<Region>>()]),
  );
  const images = new Set(task.images);
  const groupOf = (what: string, { image, category }: Truth<Region> | Detection<Region>) => {
    const groups = byImage.get(category);
    if (groups === undefined)
      throw new UserError(
        `${what}: category ${category} is none of the ${byImage.size} that the data have; ` +
          'are its ids those of the annotations?',
      );
    if (!images.has(image))
      throw new UserError(`${what}: image ${image} is none of the ${images.size} of the data`);
    const group = groups.get(image) ?? { truths: [], detections: [] };
    groups.set(image, group);
    return group;
  };
  for (const [i, truth] of task.truths.entries()) {
    checkNumber(`annotation ${i}`, 'area', truth.area);
    groupOf(`annotation ${i}`, truth).truths.push(truth);
  }
  for (const [i, detection] of task.detections.entries()) {
    const { area, score } = detection;
    if (!Number.isFinite(score))
      throw new UserError(`detection ${i}: its score is ${score}; expected a finite number`);
    checkNumber(`detection ${i}`, 'area', area);
    groupOf(`detection ${i}`, detection).detections.push(detection);
  }
  const sorted = (groups: Map<number, Group<Region>>) =>
    [...groups].sort(([a], [b]) => a - b).map(([, group]) => group);
  return new Map([...byImage].map(([category, groups]) => [category, sorted(groups)]));
}

function checkNumber(what: string, name: string, value: number): void {
  if (!(Number.isFinite(value) && value >= 0))
    throw new UserError(`${what}: its ${name} is ${value}; expected a finite number, 0 or more`);
}
