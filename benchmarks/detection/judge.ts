/** All that a page says of a detector: its numbers, by class, by size, and over recall. */
import type { ObjectTruths } from '../../harness/data/objects/objects.ts';
import {
  cocoBoxScores,
  cocoMaskScores,
  type Found,
  vocLists,
  vocScores,
} from '../../harness/evaluation/object_scores.ts';
import { AREAS, apOfSizes, type CocoScores } from '../../harness/metrics/coco_detection.ts';
import {
  cocoCurves,
  meanPrecision,
  type PointStep,
  type PrecisionCurves,
  vocCurves,
} from '../../harness/metrics/precision_curves.ts';
import type { VocRule } from '../../harness/metrics/voc_detection.ts';
import type { Judging } from './result_files.ts';

/** Of boxes, or of masks. Numbers are percent, NaN where there is nothing that they could be of. */
export interface JudgedRegions {
  readonly regions: 'boxes' | 'masks';
  /** The numbers by which detectors are compared, in their usual order. */
  readonly numbers: readonly (readonly [name: string, value: number])[];
  readonly curves: PrecisionCurves;
  /** Of the points of a curve that an average precision is the mean of. */
  readonly step: PointStep;
  readonly byClass: readonly ClassNumbers[];
  /** In the order of `AREAS`, which begins with all sizes: by COCO's rule. */
  readonly bySize: readonly number[];
}

export interface ClassNumbers {
  readonly AP: number;
  readonly AP50: number;
  readonly AP75: number;
  /** As `bySize`, of this class. */
  readonly sizes: readonly number[];
}

/**
 * Judges what was found by the rules of a data set. VOC knows no sizes: AP by size is COCO's there, and
 * difficult objects are taken for crowds.
 * @throws UserError where a number is not defined, as of a class that no picture of VOC shows
 */
export function judgeDetections(
  truths: ObjectTruths,
  found: readonly Found[],
  judging: Judging,
): readonly JudgedRegions[] {
  if (judging !== 'coco') return [judgedByVoc(truths, found, RULES[judging])];
  const boxes = judgedByCoco('boxes', cocoBoxScores(truths, found));
  const masked = found.length > 0 && found.every(({ mask }) => mask !== undefined);
  return masked ? [boxes, judgedByCoco('masks', cocoMaskScores(truths, found))] : [boxes];
}

function judgedByCoco(regions: JudgedRegions['regions'], scores: CocoScores): JudgedRegions {
  const curves = cocoCurves(scores);
  const numbers = Object.entries(scores.stats).map(
    ([name, value]) => [name, percent(value)] as const,
  );
  return { regions, numbers, curves, step: 1, ...parts(scores, curves, 1) };
}

const RULES = { voc: '11_point', voc12: 'area' } as const;

function judgedByVoc(truths: ObjectTruths, found: readonly Found[], rule: VocRule): JudgedRegions {
  const { AP, AP50, AP75, apOfEach } = vocScores(truths, found, rule);
  const { seen, detections } = vocLists(truths, found);
  const curves = vocCurves(seen, detections, truths.classes.length);
  const sized = cocoBoxScores(withoutDifficult(truths), found);
  const numbers = [
    ['AP', AP],
    ['AP50', AP50],
    ['AP75', AP75],
  ] as const;
  const { bySize, byClass } = parts(sized, curves, 10);
  const own = byClass.map((one, c) => ({
    ...one,
    ...vocNumbers(apOfEach, c, truths.classes.length),
  }));
  return { regions: 'boxes', numbers, curves, step: 10, bySize, byClass: own };
}

/** Of one class, from the shares [10 thresholds from 0.50 on, classes]. */
function vocNumbers(apOfEach: Float64Array, label: number, classes: number) {
  const own = apOfEach.filter((_, at) => at % classes === label);
  const [AP50 = Number.NaN, , , , , AP75 = Number.NaN] = own;
  const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
  return { AP: 100 * mean, AP50: 100 * AP50, AP75: 100 * AP75 };
}

function parts(scores: CocoScores, curves: PrecisionCurves, step: PointStep) {
  const sizes = apOfSizes(scores);
  const { AP, APsmall, APmedium, APlarge } = scores.stats;
  const of = (curve: Float64Array | undefined) =>
    curve === undefined ? Number.NaN : 100 * meanPrecision(curve, step);
  return {
    bySize: [AP, APsmall, APmedium, APlarge].map(percent),
    byClass: curves.mean.map((mean, c): ClassNumbers => {
      const own = sizes.subarray(c * AREAS.length, (c + 1) * AREAS.length);
      const [AP50, AP75] = [of(curves['0.50'][c]), of(curves['0.75'][c])];
      return { AP: of(mean), AP50, AP75, sizes: Array.from(own, percent) };
    }),
  };
}

/** COCO's functions have -1 where there is nothing. */
function percent(share: number): number {
  return share < 0 ? Number.NaN : 100 * share;
}

function withoutDifficult(truths: ObjectTruths): ObjectTruths {
  const objects = (index: number) =>
    truths.objects(index).map((object) => ({ ...object, crowd: object.crowd || object.difficult }));
  return { ...truths, objects };
}

/** How many objects count, in the order of `AREAS`, of each class: [classes][areas]. */
export function objectCounts({ count, classes, objects }: ObjectTruths): readonly number[][] {
  const counts = classes.map(() => AREAS.map(() => 0));
  for (let image = 0; image < count; image++)
    for (const { class: label, area, crowd, difficult } of objects(image)) {
      const own = counts[label];
      if (crowd || difficult || own === undefined) continue;
      for (const [a, { least, most }] of AREAS.entries())
        if (area >= least && area <= most) own[a] = (own[a] ?? 0) + 1;
    }
  return counts;
}
