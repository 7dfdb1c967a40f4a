import { AREAS, type CocoScores, IOU_THRESHOLDS, MOST, RECALLS } from './coco_detection.ts';
import {
  VOC_THRESHOLDS,
  type VocCurve,
  type VocDetection,
  type VocTruth,
  vocCurve,
  vocOrder,
} from './voc_detection.ts';

/** Thresholds of overlap that curves are drawn of; `mean` is that of all ten. */
export const CURVES = ['0.50', '0.75', 'mean'] as const;
export type CurveName = (typeof CURVES)[number];

/**
 * By class, the best precision at recalls of 0, 0.01, …, 1 or higher, as shares: float64 [101] each. A
 * class without a truth that counts has none.
 */
export type PrecisionCurves = Readonly<Record<CurveName, readonly (Float64Array | undefined)[]>>;

/** Which of the 101 points an average precision is the mean of: every one, or every tenth. */
export type PointStep = 1 | 10;

/** The mean precision of a curve, as a share. */
export function meanPrecision(curve: Float64Array, step: PointStep): number {
  const points = curve.filter((_, r) => r % step === 0);
  return points.reduce((sum, value) => sum + value, 0) / points.length;
}

/** Those that COCO's numbers are means of: all sizes, at most 100 detections of an image. */
export function cocoCurves({ categories, precision }: CocoScores): PrecisionCurves {
  const cells = categories.length * AREAS.length * MOST.length;
  const curve = (iou: number, k: number) => {
    const cell = k * AREAS.length * MOST.length + MOST.length - 1;
    const own = Float64Array.from(
      RECALLS,
      (_, r) => precision[(iou * RECALLS.length + r) * cells + cell] ?? -1,
    );
    return own[0] === -1 ? undefined : own;
  };
  return curvesOf(categories.length, IOU_THRESHOLDS.length, curve);
}

/**
 * Those of VOC's rule, whose eleven points are the tenths among these.
 * @param classes how many there are
 */
export function vocCurves(
  truths: readonly VocTruth[],
  detections: readonly VocDetection[],
  classes: number,
): PrecisionCurves {
  const lists = Array.from({ length: classes }, (_, c) => {
    const found = detections.filter((one) => one.class === c);
    return { own: truths.filter((one) => one.class === c), found, order: vocOrder(found) };
  });
  return curvesOf(classes, VOC_THRESHOLDS.length, (iou, c) => {
    const { own = [], found = [], order = [] } = lists[c] ?? {};
    if (own.every(({ difficult }) => difficult)) return undefined;
    return bestPrecisions(vocCurve(own, found, (VOC_THRESHOLDS[iou] ?? 0) / 100, order));
  });
}

/** 0.1 times a number where VOC's rule has a point, which may be a last bit above COCO's. */
const VOC_RECALLS = RECALLS.map((recall, r) => (r % 10 === 0 ? (r / 10) * 0.1 : recall));

function bestPrecisions({ recall, precision }: Omit<VocCurve, 'order'>): Float64Array {
  const best = new Float64Array(RECALLS.length);
  let [at, most] = [recall.length - 1, 0];
  for (let r = VOC_RECALLS.length - 1; r >= 0; r--) {
    for (; at >= 0 && (recall[at] ?? 0) >= (VOC_RECALLS[r] ?? 0); at--)
      most = Math.max(most, precision[at] ?? 0);
    best[r] = most;
  }
  return best;
}

const AT: Readonly<Record<CurveName, readonly number[]>> = {
  '0.50': [0],
  '0.75': [5],
  mean: [...IOU_THRESHOLDS.keys()],
};

function curvesOf(
  classes: number,
  thresholds: number,
  curve: (iou: number, c: number) => Float64Array | undefined,
): PrecisionCurves {
  const all = Array.from({ length: thresholds }, (_, iou) =>
    Array.from({ length: classes }, (_one, c) => curve(iou, c)),
  );
  const of = (name: CurveName) =>
    Array.from({ length: classes }, (_, c) => meanCurve(AT[name].map((iou) => all[iou]?.[c])));
  return { '0.50': of('0.50'), '0.75': of('0.75'), mean: of('mean') };
}

/** The mean of curves at each recall, of those that there are; none where there are none. */
export function meanCurve(curves: readonly (Float64Array | undefined)[]): Float64Array | undefined {
  const known = curves.filter((one) => one !== undefined);
  if (known.length === 0) return undefined;
  return Float64Array.from(
    RECALLS,
    (_, r) => known.reduce((sum, one) => sum + (one[r] ?? 0), 0) / known.length,
  );
}
