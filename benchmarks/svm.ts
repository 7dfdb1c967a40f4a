import { join } from 'node:path';
import { z } from 'zod';
import {
  type Bench,
  defineBenchmark,
  hostArray,
  type Judged,
  type Layer,
} from '../harness/benchmark/kit.ts';
import { areaAp, elevenPointAp } from '../harness/metrics/average_precision.ts';
import { type ClassFit, fitClasses } from '../harness/svm/one_vs_rest.ts';
import { decisionsOf, type ScaledRows, weightsOf } from '../harness/svm/products.ts';
import { rowScales } from '../harness/svm/rows.ts';
import {
  bestLayer,
  checkMarks,
  drawnMarked,
  featureUses,
  marksByClass,
  mean,
  onSureImages,
  setOf,
  svmFields,
  voc07,
} from './marked.ts';
import { classSets } from './settings.ts';
import { writeEvalLog, writeNumbers, writePredictions } from './svm_files.ts';

export const svmSpec = z.strictObject(svmFields).readonly();
export type SvmSpec = z.output<typeof svmSpec>;

/**
 * One linear SVM a class on frozen features (docs/reference/benchmarks.md, section 2).
 *
 * Departs: machines are brought to their optimum, where the original's solver stops a little short of it,
 * in an order that it draws; files of every layer are kept, and no machine but the chosen ones.
 */
export const svm = defineBenchmark<SvmSpec>({
  kind: 'svm',
  title: 'VOC07 SVM',
  schema: svmSpec,
  drawn: {
    data: drawnMarked({ train: 160, test: 120 }),
    layers: ['feat4', 'feat5'],
    pooling: 'adaptive',
  },
  presets: { voc07: { needs: voc07.needs, spec: { data: voc07.data } } },

  sets: ({ data }) => classSets(data),
  features: featureUses,
  units: ({ layers }) => layers,
  check: (_, sets) => checkMarks(sets),

  async judge(spec, bench, unit) {
    const layer = unit as Layer;
    bench.tell(`For feature: ${layer}`);
    const [train, test] = [await rowsOf('train'), await rowsOf('test')];
    // Difficult images are negatives here (section 2.3).
    const labels = marksByClass(setOf(bench, 'train')).map((marks) =>
      marks.map((mark) => (mark === 1 ? 1 : -1)),
    );
    warnOfFewPositives(labels, spec, bench);
    const fits = await fitClasses(train, labels, spec, bench);
    const chosen = fits.map(({ coefficients, chosen: place }) => coefficients[place]);
    const machines = await weightsOf(train, joined(chosen), bench);
    const decisions = await decisionsOf(test, machines, bench);
    return judged(spec, bench, layer, { fits, machines, decisions });

    async function rowsOf(set: string): Promise<ScaledRows> {
      const rows = await bench.features(set, layer, spec.pooling);
      const scales = await rowScales(rows, spec.epsilon, `${set} ${layer}`);
      return { rows, scales, intercept: spec.interceptScaling };
    }
  },

  summary: (_, units) => bestLayer(units, 'mAP'),
});

interface Fitted {
  readonly fits: readonly ClassFit[];
  readonly machines: { readonly weights: Float64Array; readonly intercepts: Float64Array };
  /** [classes, images] */
  readonly decisions: Float64Array;
}

async function judged(
  spec: SvmSpec,
  bench: Bench,
  layer: Layer,
  { fits, machines, decisions }: Fitted,
): Promise<Judged> {
  const test = setOf(bench, 'test');
  const { count, classes } = test;
  const scores = classes.map((_, c) => decisions.subarray(c * count, (c + 1) * count));
  const marks = marksByClass(test);
  const area = scores.map((own, c) => onSureImages(areaAp, own, marks[c] ?? new Int8Array()));
  const points = scores.map((own, c) =>
    onSureImages(elevenPointAp, own, marks[c] ?? new Int8Array()),
  );
  const costs = Float64Array.from(fits, ({ chosen }) => spec.costs[chosen] ?? Number.NaN);
  const crossval = joined(fits.map(({ crossvalAp }) => crossvalAp));
  const { weights, intercepts } = machines;
  const arrays = {
    crossval_ap: [[classes.length, spec.costs.length], crossval],
    chosen_cost: [[classes.length], costs],
    test_ap: [[classes.length, 1], Float64Array.from(area)],
    test_ap_11point: [[classes.length, 1], Float64Array.from(points)],
  } as const;
  const folder = join(bench.folder, 'svm', `voc07_${layer}`);
  for (const [name, [shape, values]] of Object.entries(arrays))
    await writeNumbers(join(folder, `${name}.npy`), shape, values);
  await writePredictions(join(folder, 'json_preds.json'), test, scores);
  const line = `[INFO: test_svm.py:  126]: Mean AP: [${Number(mean(area).toFixed(8))}]`;
  bench.tell(line);
  await writeEvalLog(bench.folder, layer, [line]);
  return {
    metrics: {
      mAP: 100 * mean(area),
      mAP_11point: 100 * mean(points),
      ...Object.fromEntries(classes.map((name, c) => [`AP_${name}`, 100 * (area[c] ?? 0)])),
    },
    tensors: new Map([
      ...Object.entries(arrays).map(
        ([name, [shape, values]]) => [name, hostArray('float64', shape, values)] as const,
      ),
      ['weights', hostArray('float64', [classes.length, weights.length / classes.length], weights)],
      ['intercepts', hostArray('float64', [classes.length], intercepts)],
      ['decisions', hostArray('float64', [classes.length, count], decisions)],
    ]),
    predictions: { set: 'test', scores: byImage(decisions, count) },
  };
}

/** A class of fewer positives than folds is scored 0 on a fold without them, as the original does. */
function warnOfFewPositives(labels: readonly Int8Array[], { folds }: SvmSpec, bench: Bench): void {
  const { classes } = setOf(bench, 'train');
  for (const [c, own] of labels.entries()) {
    const present = own.filter((label) => label === 1).length;
    if (present >= folds) continue;
    const what =
      present < 2
        ? 'no cost can be told from another, so the first is taken'
        : 'a fold without any counts 0';
    bench.tell(`warning: "${classes[c]}" has ${present} images for ${folds} folds: ${what}`);
  }
}

function byImage(decisions: Float64Array, count: number): Float32Array {
  const classes = decisions.length / count;
  return Float32Array.from(
    { length: decisions.length },
    (_, at) => decisions[(at % classes) * count + Math.floor(at / classes)] ?? 0,
  );
}

function joined(parts: readonly (Float64Array | undefined)[]): Float64Array {
  const out = new Float64Array(parts.reduce((sum, part) => sum + (part?.length ?? 0), 0));
  let at = 0;
  for (const part of parts) {
    out.set(part ?? [], at);
    at += part?.length ?? 0;
  }
  return out;
}
