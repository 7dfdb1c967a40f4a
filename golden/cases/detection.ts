import { z } from 'zod';
import { hostArray } from '../../harness/engine/array.ts';
import { boxTask } from '../../harness/metrics/coco_boxes.ts';
import { AREAS, COCO_STATS, cocoDetection, MOST } from '../../harness/metrics/coco_detection.ts';
import {
  type VocDetection,
  type VocRule,
  type VocTruth,
  vocAp,
  vocCurve,
  vocOrder,
} from '../../harness/metrics/voc_detection.ts';
import type { Comparisons } from '../../harness/testing/parity/agreement.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import type { ParityCase } from '../../harness/testing/parity/run.ts';

/** COCO's twelve numbers, and the curves that they are means of. */
const cocoCase: ParityCase = {
  methods: ['COCO detection AP'],
  run: async (fixture, comparisons) => {
    const task = boxTask(fixture.part('gt'), fixture.part('detections'));
    const { stats, precision, recall, apOfEach } = cocoDetection(task);
    const cells = [apOfEach.length, AREAS.length, MOST.length];
    const twelve = Float64Array.from(COCO_STATS, (name) => stats[name]);
    comparisons.add('stats', hostArray('float64', [twelve.length], twelve));
    comparisons.add('precision', hostArray('float64', [10, 101, ...cells], precision));
    comparisons.add('recall', hostArray('float64', [10, ...cells], recall));
    comparisons.add('ap_of_each_category', hostArray('float64', [apOfEach.length], apOfEach));
  },
};

const VocParameters = z.looseObject({
  classes: z.int().positive(),
  iou_thresholds: z.array(z.number()).min(1),
});

const RULES: readonly VocRule[] = ['11_point', 'area'];

/** The curves and APs of VOC's devkit, at several thresholds. */
const vocCase: ParityCase = {
  methods: ['PASCAL VOC detection AP'],
  run: async (fixture, comparisons) => {
    const { classes, iou_thresholds } = fixture.field('hyper_parameters', VocParameters);
    const truths = rowsOf(fixture, 'in.ground_truth').map(truthOf);
    const detections = rowsOf(fixture, 'in.detections').map(detectionOf);
    const aps = new Map(
      RULES.map((rule) => [rule, new Float64Array(iou_thresholds.length * classes)] as const),
    );
    for (let c = 0; c < classes; c++) {
      const own = truths.filter((truth) => truth.class === c);
      const found = detections.filter((detection) => detection.class === c);
      const order = orderOf(fixture, comparisons, c, found);
      for (const [t, threshold] of iou_thresholds.entries()) {
        const curve = vocCurve(own, found, threshold, order);
        for (const [rule, values] of aps) values[t * classes + c] = vocAp(curve, rule);
        if (threshold !== 0.5) continue;
        comparisons.add(`recall.c${c}`, hostArray('float64', [order.length], curve.recall));
        comparisons.add(`precision.c${c}`, hostArray('float64', [order.length], curve.precision));
      }
    }
    for (const [rule, values] of aps) {
      comparisons.add(`ap.${rule}`, hostArray('float64', [iou_thresholds.length, classes], values));
      const summary = summaryOf(values, classes, iou_thresholds);
      comparisons.add(`summary.${rule}`, hostArray('float64', [3], summary));
    }
    addCurves(fixture, comparisons);
  },
};

function rowsOf(fixture: Fixture, name: string): number[][] {
  const { shape, data } = fixture.input(name);
  const [count = 0, width = 0] = shape;
  return Array.from({ length: count }, (_, row) =>
    Array.from({ length: width }, (_, column) => Number(data[row * width + column])),
  );
}

function truthOf([image = 0, c = 0, a = 0, b = 0, x = 0, y = 0, difficult]: number[]): VocTruth {
  return { image, class: c, box: [a, b, x, y], difficult: difficult !== 0 };
}

function detectionOf(row: number[]): VocDetection {
  const [image = 0, c = 0, a = 0, b = 0, x = 0, y = 0, score = Number.NaN] = row;
  return { image, class: c, box: [a, b, x, y], score };
}

/**
 * The reference's sort is not stable: where scores are tied its order is replayed, if that is one by
 * score; else ours is compared with it and fails.
 */
function orderOf(
  fixture: Fixture,
  comparisons: Comparisons,
  c: number,
  detections: readonly VocDetection[],
): readonly number[] {
  const name = `order.c${c}`;
  const own = vocOrder(detections);
  const theirs = Array.from(fixture.expected.get(name)?.data ?? own, Number);
  const scores = (places: readonly number[]) => places.map((place) => detections[place]?.score);
  const apt = new Set(theirs).size === own.length && String(scores(theirs)) === String(scores(own));
  const order = apt ? theirs : own;
  const numbers = BigInt64Array.from(order, BigInt);
  comparisons.add(name, hostArray('int64', [order.length], numbers));
  return order;
}

/** Percent: over everything, at 0.5, at 0.75. */
function summaryOf(
  aps: Float64Array,
  classes: number,
  thresholds: readonly number[],
): Float64Array {
  const mean = (values: Float64Array) => (100 * values.reduce((a, b) => a + b, 0)) / values.length;
  const at = (threshold: number) => {
    const t = thresholds.indexOf(threshold);
    return mean(aps.subarray(t * classes, (t + 1) * classes));
  };
  return Float64Array.of(mean(aps), at(0.5), at(0.75));
}

/** Curves that are given as such. */
function addCurves(fixture: Fixture, comparisons: Comparisons): void {
  for (let i = 0; fixture.inputs.includes(`in.curve${i}.recall`); i++) {
    const [recall, precision] = ['recall', 'precision'].map((name) =>
      Float64Array.from(fixture.input(`in.curve${i}.${name}`).data, Number),
    );
    if (recall === undefined || precision === undefined) throw new Error('no curve');
    const aps = Float64Array.from(RULES, (rule) => vocAp({ recall, precision }, rule));
    comparisons.add(`curve${i}.ap`, hostArray('float64', [aps.length], aps));
  }
}

export const detectionCases: readonly ParityCase[] = [cocoCase, vocCase];
