/** Which detections of a picture are right, and how well it was seen: what pictures of them show. */
import type { ObjectTruths, SeenObject } from '../../harness/data/objects/objects.ts';
import { extentOfBox, type Found } from '../../harness/evaluation/object_scores.ts';
import { type Box, boxOverlap } from '../../harness/metrics/coco_boxes.ts';
import { AREAS, IOU_THRESHOLDS } from '../../harness/metrics/coco_detection.ts';
import { IGNORED, match, RIGHT, sceneOf, seenIn, WRONG } from '../../harness/metrics/coco_match.ts';

/** `ignored` counts neither way: it lies on what is crowded or difficult, or is that itself. */
export type Verdict = 'right' | 'wrong' | 'ignored';
export type Fate = 'seen' | 'missed' | 'ignored';

/** One picture's detections and objects held to each other, in the order of their lists. */
export interface Verdicts {
  readonly found: readonly Verdict[];
  readonly objects: readonly Fate[];
}

const NAMES = new Map<number, Verdict>([
  [RIGHT, 'right'],
  [WRONG, 'wrong'],
  [IGNORED, 'ignored'],
]);
const ALL = AREAS[0] ?? { name: 'all', least: 0, most: Number.POSITIVE_INFINITY };

interface Region {
  readonly box: Box;
  /** Held to the detection's own area. */
  readonly crowd: boolean;
}

/**
 * Matches boxes as COCO does: by falling score, each takes the free object of its class that it overlaps
 * most. Difficult objects take any number of detections, as crowds do.
 * @param iou least intersection over union
 */
export function verdictsOf(
  objects: readonly SeenObject[],
  found: readonly Found[],
  iou: number,
): Verdicts {
  const own = found.map((): Verdict => 'wrong');
  const fates = objects.map((object): Fate => (counts(object) ? 'missed' : 'ignored'));
  for (const label of new Set(found.map((one) => one.class))) {
    const claims = placed(found, label).sort((a, b) => b.one.score - a.one.score);
    const known = placed(objects, label);
    const scene = sceneOf<Region>(
      {
        truths: known.map(({ one }) => {
          const region = { box: extentOfBox(one), crowd: one.crowd };
          return { ...CELL, region, crowd: !counts(one) };
        }),
        detections: claims.map(({ one }) => {
          return { ...CELL, region: { box: extentOfBox(one), crowd: false }, score: one.score };
        }),
      },
      (detection, truth) => boxOverlap(detection.box, truth.box, truth.crowd),
      claims.length,
    );
    const verdicts = new Uint8Array(claims.length).fill(WRONG);
    const taken = match(scene, seenIn(scene, ALL), iou, verdicts, 0);
    for (const [rank, { at }] of claims.entries())
      own[at] = NAMES.get(verdicts[rank] ?? WRONG) ?? 'wrong';
    for (const [i, { at }] of known.entries())
      if (taken[i] === 1 && fates[at] === 'missed') fates[at] = 'seen';
  }
  return { found: own, objects: fates };
}

/** One picture and one class at a time: its numbers play no part. */
const CELL = { image: 0, category: 0, area: 0 } as const;

function counts({ crowd, difficult }: SeenObject): boolean {
  return !crowd && !difficult;
}

function placed<One extends { readonly class: number }>(list: readonly One[], label: number) {
  return list.flatMap((one, at) => (one.class === label ? [{ one, at }] : []));
}

/** Detections of each picture, in the order of the list. */
export function foundByImage(count: number, found: readonly Found[]): readonly Found[][] {
  const lists = Array.from({ length: count }, (): Found[] => []);
  for (const one of found) lists[one.image]?.push(one);
  return lists;
}

/** The score from which on detections are shown, and what holds there for all pictures together. */
export interface Cut {
  readonly score: number;
  /** Shares, at an IoU of 0.5; F1 is the largest that any score gives. */
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/**
 * The score at which F1 = 2 right / (detections + objects) is largest, at an IoU of 0.5; of equal ones the
 * highest. Where nothing is right it is that of the best detection.
 */
export function bestCut(truths: ObjectTruths, found: readonly Found[]): Cut {
  const lists = foundByImage(truths.count, found);
  const judged: { readonly score: number; readonly right: boolean }[] = [];
  let known = 0;
  for (const [image, list] of lists.entries()) {
    const verdicts = verdictsOf(truths.objects(image), list, LOOSE);
    known += verdicts.objects.filter((fate) => fate !== 'ignored').length;
    for (const [i, { score }] of list.entries())
      if (verdicts.found[i] !== 'ignored')
        judged.push({ score, right: verdicts.found[i] === 'right' });
  }
  judged.sort((a, b) => b.score - a.score);
  let best: Cut = { score: judged[0]?.score ?? 0, precision: 0, recall: 0, f1: 0 };
  let right = 0;
  for (const [i, one] of judged.entries()) {
    if (one.right) right++;
    if (judged[i + 1]?.score === one.score) continue;
    const f1 = (2 * right) / (i + 1 + known);
    if (f1 > best.f1)
      best = { score: one.score, precision: right / (i + 1), recall: right / known, f1 };
  }
  return best;
}

/** The threshold at which pictures show what is right. */
export const LOOSE = 0.5;

/**
 * How well a picture was seen: F1 = 2 right / (detections + objects), mean over COCO's ten thresholds of
 * IoU. Undefined where nothing counts.
 * @param found of this picture, those that are shown
 */
export function pictureScore(
  objects: readonly SeenObject[],
  found: readonly Found[],
): number | undefined {
  const each = IOU_THRESHOLDS.map((iou) => {
    const verdicts = verdictsOf(objects, found, iou);
    const right = verdicts.found.filter((one) => one === 'right').length;
    const wrong = verdicts.found.filter((one) => one === 'wrong').length;
    const known = verdicts.objects.filter((fate) => fate !== 'ignored').length;
    return (2 * right) / (right + wrong + known);
  });
  const sum = each.reduce((total, f1) => total + f1, 0);
  return Number.isNaN(sum) ? undefined : sum / each.length;
}
