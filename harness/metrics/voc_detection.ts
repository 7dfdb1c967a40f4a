import { UserError } from '../base/errors.ts';

/** In pixels from 1, both ends within: a box of one pixel has xmin = xmax. */
export type VocBox = readonly [xmin: number, ymin: number, xmax: number, ymax: number];

export interface VocTruth {
  readonly image: number;
  readonly class: number;
  readonly box: VocBox;
  /** Neither found nor missed counts. */
  readonly difficult: boolean;
}

export interface VocDetection {
  readonly image: number;
  readonly class: number;
  readonly box: VocBox;
  readonly score: number;
}

/** VOC2007's own rule, and that of VOC2010 and later. */
export type VocRule = '11_point' | 'area';

/** The thresholds of the mean that detectron2 reports beside AP50, in percent as there. */
export const VOC_THRESHOLDS: readonly number[] = [50, 55, 60, 65, 70, 75, 80, 85, 90, 95];

/** What a detector did on one class, at each of its detections, best score first. */
export interface VocCurve {
  /** Places in the list of detections, in the order in which they are judged. */
  readonly order: readonly number[];
  /** float64: share of the truths found so far; NaN where the class has none that counts. */
  readonly recall: Float64Array;
  readonly precision: Float64Array;
}

/**
 * Places of detections, best score first; equal scores stay in the order of the list. (The devkit's
 * own sort leaves theirs open.)
 */
export function vocOrder(detections: readonly VocDetection[]): readonly number[] {
  const score = (place: number) => detections[place]?.score ?? 0;
  return [...detections.keys()].sort((a, b) => score(b) - score(a));
}

/**
 * Recall and precision of one class, Everingham et al. 2010, section 4.4, as the devkit and detectron2
 * compute them: a detection is held to the truth that it overlaps most, the first of equal ones. It is
 * right where the overlap is above the threshold and no better one took that truth; it counts neither
 * way where the truth is difficult.
 * @param truths and detections of that class alone
 * @param threshold of intersection over union, exclusive
 * @param order of the detections; by score if not given
 * @throws UserError for scores and boxes that are none
 */
export function vocCurve(
  truths: readonly VocTruth[],
  detections: readonly VocDetection[],
  threshold: number,
  order: readonly number[] = vocOrder(detections),
): VocCurve {
  check(truths, detections);
  const byImage = new Map<number, VocTruth[]>();
  for (const truth of truths) {
    const list = byImage.get(truth.image);
    if (list === undefined) byImage.set(truth.image, [truth]);
    else list.push(truth);
  }
  const positives = truths.filter(({ difficult }) => !difficult).length;
  const taken = new Set<VocTruth>();
  const recall = new Float64Array(order.length);
  const precision = new Float64Array(order.length);
  let [right, wrong] = [0, 0];
  for (const [rank, place] of order.entries()) {
    const detection = detections[place];
    if (detection === undefined) throw new Error(`VOC: no detection ${place}`);
    const truth = overlapped(detection.box, byImage.get(detection.image) ?? [], threshold);
    if (truth === undefined || taken.has(truth)) wrong++;
    else if (!truth.difficult) {
      right++;
      taken.add(truth);
    }
    recall[rank] = right / positives;
    precision[rank] = right / Math.max(right + wrong, Number.EPSILON);
  }
  return { order, recall, precision };
}

/** Of the truths of one image the one that a box overlaps most, if above the threshold. */
function overlapped(
  box: VocBox,
  truths: readonly VocTruth[],
  threshold: number,
): VocTruth | undefined {
  let best: VocTruth | undefined;
  let most = Number.NEGATIVE_INFINITY;
  for (const truth of truths) {
    const overlap = vocOverlap(box, truth.box);
    if (overlap <= most) continue;
    most = overlap;
    best = truth;
  }
  return most > threshold ? best : undefined;
}

/** Intersection over union, counted in whole pixels at both ends. */
export function vocOverlap(a: VocBox, b: VocBox): number {
  const shared =
    Math.max(Math.min(a[2], b[2]) - Math.max(a[0], b[0]) + 1, 0) *
    Math.max(Math.min(a[3], b[3]) - Math.max(a[1], b[1]) + 1, 0);
  return shared / (areaOf(a) + areaOf(b) - shared);
}

function areaOf([xmin, ymin, xmax, ymax]: VocBox): number {
  return (xmax - xmin + 1) * (ymax - ymin + 1);
}

/** Average precision, as a share. */
export function vocAp({ recall, precision }: Omit<VocCurve, 'order'>, rule: VocRule): number {
  return rule === 'area' ? areaUnder(recall, precision) : elevenPoints(recall, precision);
}

/** The mean of the best precisions at recalls of at least 0, 0.1, …, 1. */
function elevenPoints(recall: Float64Array, precision: Float64Array): number {
  let sum = 0;
  for (let point = 0; point <= 10; point++) {
    let best = 0;
    // 0.1 times a number, not a tenth of it: the reference's 0.3 is 0.30000000000000004.
    for (const [i, value] of recall.entries())
      if (value >= point * 0.1) best = Math.max(best, precision[i] ?? 0);
    sum += best / 11;
  }
  return sum;
}

/** The area under the precision that falls only as the recall grows. */
function areaUnder(recall: Float64Array, precision: Float64Array): number {
  let [sum, best, upper] = [0, 0, 1];
  for (let i = recall.length - 1; i >= 0; i--) {
    const at = recall[i] ?? 0;
    sum += (upper - at) * best;
    best = Math.max(best, precision[i] ?? 0);
    upper = at;
  }
  return sum + upper * best;
}

export interface VocScores {
  /** In percent, mean over classes: over all thresholds, at 0.5, at 0.75. */
  readonly AP: number;
  readonly AP50: number;
  readonly AP75: number;
  /** float64 [10 thresholds, classes], as shares. */
  readonly apOfEach: Float64Array;
}

/**
 * The three numbers that detectron2 reports on VOC.
 * @param classes names, for messages; the classes are 0 to their number - 1
 * @param images the number of images, which are 0 to it - 1
 * @throws UserError for a class without a truth that counts, an unknown class or image, and what is no box
 */
export function vocDetection(
  truths: readonly VocTruth[],
  detections: readonly VocDetection[],
  { classes, images, rule }: VocTask,
): VocScores {
  within('annotation', truths, classes.length, images);
  within('detection', detections, classes.length, images);
  const apOfEach = new Float64Array(VOC_THRESHOLDS.length * classes.length);
  for (const [c, name] of classes.entries()) {
    const own = truths.filter((truth) => truth.class === c);
    if (own.every(({ difficult }) => difficult))
      throw new UserError(
        `VOC: no image shows a ${name} that counts, so its average precision is not defined; ` +
          'leave the class out, or judge on more images',
      );
    const found = detections.filter((detection) => detection.class === c);
    const order = vocOrder(found);
    for (const [t, percent] of VOC_THRESHOLDS.entries())
      apOfEach[t * classes.length + c] = vocAp(vocCurve(own, found, percent / 100, order), rule);
  }
  const meanOf = (values: Float64Array) =>
    (100 * values.reduce((sum, value) => sum + value, 0)) / values.length;
  const at = (percent: number) => {
    const t = VOC_THRESHOLDS.indexOf(percent);
    return meanOf(apOfEach.subarray(t * classes.length, (t + 1) * classes.length));
  };
  return { AP: meanOf(apOfEach), AP50: at(50), AP75: at(75), apOfEach };
}

export interface VocTask {
  readonly classes: readonly string[];
  readonly images: number;
  readonly rule: VocRule;
}

function within(
  what: string,
  list: readonly (VocTruth | VocDetection)[],
  classes: number,
  images: number,
): void {
  for (const [i, { class: c, image }] of list.entries()) {
    if (!(Number.isInteger(c) && c >= 0 && c < classes))
      throw new UserError(`VOC: ${what} ${i} is of class ${c}; expected 0 to ${classes - 1}`);
    if (!(Number.isInteger(image) && image >= 0 && image < images))
      throw new UserError(`VOC: ${what} ${i} is of image ${image}; expected 0 to ${images - 1}`);
  }
}

function check(truths: readonly VocTruth[], detections: readonly VocDetection[]): void {
  for (const [i, { box }] of truths.entries()) checkBox(`annotation ${i}`, box);
  for (const [i, { box, score }] of detections.entries()) {
    checkBox(`detection ${i}`, box);
    if (!Number.isFinite(score))
      throw new UserError(`VOC: detection ${i} has the score ${score}; expected a finite number`);
  }
}

function checkBox(what: string, box: VocBox): void {
  const [xmin, ymin, xmax, ymax] = box;
  if (!box.every(Number.isFinite) || xmax - xmin < -1 || ymax - ymin < -1)
    throw new UserError(
      `VOC: ${what} has the box ${xmin}, ${ymin}, ${xmax}, ${ymax}; ` +
        'expected xmin, ymin, xmax, ymax, no size below 0',
    );
}
