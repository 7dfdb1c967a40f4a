import {
  type AreaRange,
  IGNORED,
  match,
  RIGHT,
  type Scene,
  sceneOf,
  seenIn,
  unmatched,
} from './coco_match.ts';
import { ascending, type DetectionTask, grouped } from './coco_task.ts';

/** Ends and step as NumPy's linspace makes them; a last bit decides whether an overlap is enough. */
export const IOU_THRESHOLDS: readonly number[] = [...Array(9).keys()]
  .map((i) => i * ((0.95 - 0.5) / 9) + 0.5)
  .concat(0.95);
export const RECALLS: readonly number[] = [...Array(100).keys()].map((i) => i * 0.01).concat(1);

export const AREAS: readonly AreaRange[] = [
  { name: 'all', least: 0, most: 1e10 },
  { name: 'small', least: 0, most: 32 ** 2 },
  { name: 'medium', least: 32 ** 2, most: 96 ** 2 },
  { name: 'large', least: 96 ** 2, most: 1e10 },
];
/** Detections of one image and category that are looked at. */
export const MOST: readonly number[] = [1, 10, 100];

/** Where the twelve numbers come from; of an AP without `iou`, the mean over all thresholds. */
const STATS = {
  AP: { of: 'precision', area: 0, most: 2 },
  AP50: { of: 'precision', area: 0, most: 2, iou: 0 },
  AP75: { of: 'precision', area: 0, most: 2, iou: 5 },
  APsmall: { of: 'precision', area: 1, most: 2 },
  APmedium: { of: 'precision', area: 2, most: 2 },
  APlarge: { of: 'precision', area: 3, most: 2 },
  AR1: { of: 'recall', area: 0, most: 0 },
  AR10: { of: 'recall', area: 0, most: 1 },
  AR100: { of: 'recall', area: 0, most: 2 },
  ARsmall: { of: 'recall', area: 1, most: 2 },
  ARmedium: { of: 'recall', area: 2, most: 2 },
  ARlarge: { of: 'recall', area: 3, most: 2 },
} as const satisfies Record<string, Source>;

interface Source {
  readonly of: 'precision' | 'recall';
  readonly area: number;
  readonly most: number;
  readonly iou?: number;
}

export type CocoStat = keyof typeof STATS;
export const COCO_STATS = Object.keys(STATS) as readonly CocoStat[];

export interface CocoScores {
  /** Ids, ascending. */
  readonly categories: readonly number[];
  /** float64 [10 IoU, 101 recalls, categories, 4 areas, 3 MOST]; -1 where there is no truth. */
  readonly precision: Float64Array;
  /** float64 [10 IoU, categories, 4 areas, 3 MOST]; -1 where there is no truth. */
  readonly recall: Float64Array;
  /** The twelve numbers, as shares; -1 where no category has a truth. */
  readonly stats: Readonly<Record<CocoStat, number>>;
  /** AP of each category, -1 for one without a truth. */
  readonly apOfEach: Float64Array;
}

/**
 * Average precision and recall as COCO defines them (cocodataset.org/#detection-eval; equal to
 * pycocotools 2.0.11, with one exception: an annotation of id 0 is one like any other).
 * @throws UserError for unknown images or categories, and for scores or areas that are no numbers
 */
export function cocoDetection<Region>(task: DetectionTask<Region>): CocoScores {
  const categories = ascending(task.categories);
  const groups = grouped(task);
  const cells = categories.length * AREAS.length * MOST.length;
  const precision = new Float64Array(IOU_THRESHOLDS.length * RECALLS.length * cells).fill(-1);
  const recall = new Float64Array(IOU_THRESHOLDS.length * cells).fill(-1);
  for (const [k, category] of categories.entries()) {
    const scenes = (groups.get(category) ?? []).map((group) =>
      sceneOf(group, task.overlap, Math.max(...MOST)),
    );
    judge(scenes, (iou, area, most, curve) => {
      const cell = (k * AREAS.length + area) * MOST.length + most;
      recall[iou * cells + cell] = curve.recall;
      for (const [r, value] of curve.precision.entries())
        precision[(iou * RECALLS.length + r) * cells + cell] = value;
    });
  }
  const shaped = { categories, precision, recall };
  const stats = Object.fromEntries(COCO_STATS.map((name) => [name, mean(shaped, STATS[name])]));
  const apOfEach = Float64Array.from(categories, (_, k) => mean(shaped, STATS.AP, k));
  return { ...shaped, stats: stats as Record<CocoStat, number>, apOfEach };
}

/**
 * The AP of each class on objects of each range of `AREAS`, as shares: float64 [categories, 4]; -1 where
 * there is none.
 */
export function apOfSizes(scores: CocoScores): Float64Array {
  const most = MOST.length - 1;
  return Float64Array.from({ length: scores.categories.length * AREAS.length }, (_, at) => {
    const area = at % AREAS.length;
    return mean(scores, { of: 'precision', area, most }, Math.floor(at / AREAS.length));
  });
}

interface Curve {
  /** Of all detections. */
  readonly recall: number;
  /** float64 [101]: the best precision at that recall or a higher one. */
  readonly precision: Float64Array;
}

/** Every curve of one category: hands over those of each threshold, range of areas, and limit. */
function judge<Region>(
  scenes: readonly Scene<Region>[],
  take: (iou: number, area: number, most: number, curve: Curve) => void,
): void {
  const { order, ranks, starts } = ranked(scenes);
  const verdicts = new Uint8Array(order.length);
  // Most images show little: only where something is shown and claimed is there anything to match.
  const met = scenes.flatMap((scene, i) =>
    scene.overlaps.length > 0 ? [{ scene, start: starts[i] ?? 0 }] : [],
  );
  for (const [area, range] of AREAS.entries()) {
    const truths = scenes.reduce((sum, scene) => sum + seenIn(scene, range).counted, 0);
    if (truths === 0) continue;
    const alone = new Uint8Array(order.length);
    for (const [i, scene] of scenes.entries()) unmatched(scene, range, alone, starts[i] ?? 0);
    const seen = met.map(({ scene, start }) => ({ scene, start, seen: seenIn(scene, range) }));
    for (const [iou, threshold] of IOU_THRESHOLDS.entries()) {
      verdicts.set(alone);
      for (const one of seen) match(one.scene, one.seen, threshold, verdicts, one.start);
      for (const [most, limit] of MOST.entries())
        take(iou, area, most, curveOf(verdicts, order, ranks, limit, truths));
    }
  }
}

/** Detections of all scenes, one scene after the other. */
interface Ranked {
  /** Places, best score first; equal scores in the order of images, then of ranks. */
  readonly order: Int32Array;
  /** The rank of each place within its scene. */
  readonly ranks: Uint8Array;
  /** The first place of each scene. */
  readonly starts: Int32Array;
}

function ranked<Region>(scenes: readonly Scene<Region>[]): Ranked {
  const starts = new Int32Array(scenes.length);
  let count = 0;
  for (const [i, { detections }] of scenes.entries()) {
    starts[i] = count;
    count += detections.length;
  }
  const scores = new Float64Array(count);
  const ranks = new Uint8Array(count);
  for (const [i, { detections }] of scenes.entries())
    for (const [rank, { score }] of detections.entries()) {
      const place = (starts[i] ?? 0) + rank;
      scores[place] = score;
      ranks[place] = rank;
    }
  const order = Int32Array.from({ length: count }, (_, place) => place);
  order.sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
  return { order, ranks, starts };
}

/** @param order places of verdicts, best score first; those of a rank from `limit` on are left out */
function curveOf(
  verdicts: Uint8Array,
  order: Int32Array,
  ranks: Uint8Array,
  limit: number,
  truths: number,
): Curve {
  const recalls = new Float64Array(order.length);
  const precisions = new Float64Array(order.length);
  let [right, wrong, count] = [0, 0, 0];
  for (let i = 0; i < order.length; i++) {
    const at = order[i] ?? 0;
    const verdict = verdicts[at];
    if (verdict === IGNORED || (ranks[at] ?? 0) >= limit) continue;
    if (verdict === RIGHT) right++;
    else wrong++;
    recalls[count] = right / truths;
    precisions[count++] = right / (right + wrong + Number.EPSILON);
  }
  for (let i = count - 1; i > 0; i--)
    precisions[i - 1] = Math.max(precisions[i - 1] ?? 0, precisions[i] ?? 0);
  const precision = new Float64Array(RECALLS.length);
  let at = 0;
  for (const [r, least] of RECALLS.entries()) {
    while (at < count && (recalls[at] ?? 0) < least) at++;
    if (at === count) break;
    precision[r] = precisions[at] ?? 0;
  }
  return { recall: right / truths, precision };
}

/** The mean over what has truths, -1 over nothing; `category` for one place alone. */
function mean(
  scores: Pick<CocoScores, 'categories' | 'precision' | 'recall'>,
  source: Source,
  category?: number,
): number {
  const { categories } = scores;
  const values = scores[source.of];
  const points = source.of === 'precision' ? RECALLS.length : 1;
  const cells = categories.length * AREAS.length * MOST.length;
  let [sum, count] = [0, 0];
  for (let row = 0; row < IOU_THRESHOLDS.length * points; row++) {
    if (source.iou !== undefined && Math.floor(row / points) !== source.iou) continue;
    for (const k of category === undefined ? categories.keys() : [category]) {
      const cell = (k * AREAS.length + source.area) * MOST.length + source.most;
      const value = values[row * cells + cell] ?? -1;
      if (value <= -1) continue;
      sum += value;
      count++;
    }
  }
  return count === 0 ? -1 : sum / count;
}
