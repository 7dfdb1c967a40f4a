import { join } from 'node:path';
import { z } from 'zod';
import {
  type Bench,
  defineBenchmark,
  hostArray,
  type Judged,
  type Layer,
  type Metrics,
  UserError,
} from '../harness/benchmark/kit.ts';
import { LOW_SHOT, lowShotMarks, tooFew } from '../harness/data/low_shot.ts';
import { type Aggregate, aggregated } from '../harness/metrics/spread_of.ts';
import { firstMaximum } from '../harness/svm/costs.ts';
import { type Shot, type ShotScores, scoreShots } from '../harness/svm/lowshot.ts';
import { gram, productsOf, type ScaledRows } from '../harness/svm/products.ts';
import { rowScales } from '../harness/svm/rows.ts';
import { labelFile, readLabels } from './lowshot_labels.ts';
import {
  checkMarks,
  drawnMarked,
  featureUses,
  markMatrix,
  marksByClass,
  mean,
  setOf,
  svmFields,
  voc07,
} from './marked.ts';
import { classSets } from './settings.ts';
import { writeEvalLog, writeNumbers } from './svm_files.ts';

export const lowshotSpec = z
  .strictObject({
    ...svmFields,
    /** Draws of each k. */
    samples: z.int().positive().default(LOW_SHOT.samples),
    /** Positives of a class. */
    ks: z.array(z.int().positive()).min(1).readonly().default(LOW_SHOT.ks),
    /** Negatives for each positive. */
    negatives: z.int().positive().default(LOW_SHOT.negatives),
    /** Folder, in the data folder, of label files under the original's names; absent: they are drawn. */
    labels: z.string().optional(),
    /** Most folds by which the second column chooses its cost; 0 leaves that column out. */
    folds: z.int().nonnegative().default(3),
  })
  .readonly();
export type LowshotSpec = z.output<typeof lowshotSpec>;

/**
 * Linear SVMs on a few images of each class (docs/reference/benchmarks.md, section 3). `kK_mean` and its
 * kin are what the original reports: of all costs the one that is best on the test images. `kK_cv_mean`
 * is honest: each sample takes the cost that is best in cross-validation on its own training images, which
 * one positive does not allow.
 *
 * Departs: samples are drawn from the seed; machines are brought to their optimum.
 */
export const lowshot = defineBenchmark<LowshotSpec>({
  kind: 'lowshot',
  title: 'VOC07 low-shot SVM',
  schema: lowshotSpec,
  drawn: {
    data: drawnMarked({ train: 160, test: 120 }),
    pooling: 'adaptive',
    ...{ samples: 3, ks: [1, 2, 4], negatives: 9 },
  },
  presets: { voc07: { needs: voc07.needs, spec: { data: voc07.data } } },

  sets: ({ data }) => classSets(data),
  features: featureUses,
  units: ({ layers }) => layers,

  check({ ks, negatives, labels }, sets) {
    checkMarks(sets);
    const { train } = sets;
    if (train === undefined || labels !== undefined) return;
    const marked = { marks: markMatrix(train), classes: train.classes };
    for (const k of ks) {
      const few = tooFew(marked, k, negatives);
      if (few !== undefined)
        throw new UserError(`benchmark.ks: ${few}; leave it out by --set benchmark.ks=[…]`);
    }
  },

  async judge(spec, bench, unit) {
    const layer = unit as Layer;
    bench.tell(`For feature: ${layer}`);
    const draws = drawsOf(spec, bench);
    const shots = draws.flatMap(({ marks }) => shotsOf(marks, bench));
    const [train, test] = [await rowsOf('train'), await rowsOf('test')];
    const products = {
      train: await gram(train, bench),
      test: await productsOf(train, test, bench),
    };
    const scores = await scoreShots(products, shots, spec, bench, (done) => {
      if (done % 100 === 0) bench.tell(`${done} of ${shots.length} classes and samples`);
    });
    return judged(spec, bench, layer, draws, scores);

    async function rowsOf(set: string): Promise<ScaledRows> {
      const rows = await bench.features(set, layer, spec.pooling);
      const scales = await rowScales(rows, spec.epsilon, `${set} ${layer}`);
      return { rows, scales, intercept: spec.interceptScaling };
    }
  },

  summary: (_, units) => lastBest(units),
});

interface Draw {
  readonly sample: number;
  readonly k: number;
  /** int8 [N, C]: 1, 0, or -1 for images that are not trained on. */
  readonly marks: Int8Array;
}

function drawsOf({ samples, ks, negatives, labels }: LowshotSpec, bench: Bench): readonly Draw[] {
  const set = setOf(bench, 'train');
  const marked = { marks: markMatrix(set), classes: set.classes };
  const { seed } = bench;
  return Array.from({ length: samples }, (_, i) => i + 1).flatMap((sample) =>
    ks.map((k) => ({
      sample,
      k,
      marks:
        labels === undefined
          ? lowShotMarks(marked, { k, sample, seed, negatives })
          : readLabels(join(bench.data, labels), labelFile(sample, k), set),
    })),
  );
}

/** What each class trains on, and the test images that it is judged by. */
function shotsOf(marks: Int8Array, bench: Bench): readonly Shot[] {
  const train = setOf(bench, 'train');
  const targets = marksByClass(setOf(bench, 'test'));
  return marksByClass({ ...train, labels: undefined, marks }).map((own, c) => {
    const rows = Int32Array.from(Array.from(own.keys()).filter((i) => own[i] !== -1));
    const labels = Int8Array.from(rows, (i) => (own[i] === 1 ? 1 : -1));
    for (const [kind, word] of [
      [1, 'positive'],
      [-1, 'negative'],
    ] as const)
      if (!labels.includes(kind))
        throw new UserError(`low-shot labels: "${train.classes[c]}" has no ${word} image`);
    return { rows, labels, targets: targets[c] ?? new Int8Array() };
  });
}

async function judged(
  spec: LowshotSpec,
  bench: Bench,
  layer: Layer,
  draws: readonly Draw[],
  scores: readonly ShotScores[],
): Promise<Judged> {
  const classes = scores.length / draws.length;
  const { costs, ks } = spec;
  const folder = join(bench.folder, 'svm_lowshot', `voc07_${layer}`);
  const ofDraw = draws.map((_, d) => scores.slice(d * classes, (d + 1) * classes));
  const test = ofDraw.map((own) =>
    meanOver(
      costs,
      own.map(({ testAp }) => testAp),
    ),
  );
  for (const [d, { sample, k }] of draws.entries()) {
    const name = `test_ap_sample${sample}_k${k}.npy`;
    await writeNumbers(join(folder, name), [1, costs.length], test[d] ?? new Float64Array());
  }
  const drawsOfK = (k: number) => draws.flatMap((draw, d) => (draw.k === k ? [d] : []));
  const table = ks.map((k) =>
    costs.map((_, c) => aggregated(drawsOfK(k).map((d) => test[d]?.[c] ?? Number.NaN))),
  );
  for (const part of ['mean', 'max', 'min', 'std'] as const) {
    const values = Float64Array.from(table.flat(), (one) => one[part]);
    await writeNumbers(join(folder, `test_ap_${part}.npy`), [ks.length, costs.length], values);
  }
  const places = table.map((row) => firstMaximum(row.map((one) => one.mean)));
  const best = table.flatMap((row, k) => row[places[k] ?? 0] ?? []);
  const lines = best.map((one) => `[INFO: aggregate_low_shot_svm_stats.py:   91]: ${spread(one)}`);
  for (const line of lines) bench.tell(line);
  await writeEvalLog(bench.folder, layer, lines);
  const honest = ks.map((k) => {
    const own = drawsOfK(k).map((d) => honestAp(costs, ofDraw[d] ?? [], test[d]));
    return own.includes(undefined) ? undefined : aggregated(own.map((ap) => ap ?? 0));
  });
  for (const [i, one] of honest.entries())
    if (one) bench.tell(`k ${ks[i]}, cost by cross-validation: ${spread(one)}`);
  return {
    metrics: metricsOf(spec, best, honest),
    tensors: new Map([
      ['test_ap', hostArray('float64', [draws.length, costs.length], joined(test))],
      ['labels', labelsTensor(draws)],
      [
        'best_cost',
        hostArray(
          'float64',
          [ks.length],
          Float64Array.from(places, (c) => costs[c] ?? 0),
        ),
      ],
    ]),
  };
}

/** Mean test AP at the cost whose mean cross-validated AP is best: of the classes, not of the test. */
function honestAp(
  costs: readonly number[],
  scores: readonly ShotScores[],
  test: Float64Array | undefined,
): number | undefined {
  const validated = scores.map(({ crossvalAp }) => crossvalAp);
  if (validated.some((one) => one === undefined)) return undefined;
  const means = meanOver(
    costs,
    validated.flatMap((one) => one ?? []),
  );
  return test?.[firstMaximum(means)];
}

function meanOver(costs: readonly number[], rows: readonly Float64Array[]): Float64Array {
  return Float64Array.from(costs, (_, c) => mean(rows.map((row) => row[c] ?? Number.NaN)));
}

/** In percent, as the original prints it. */
function spread({ mean: middle, min, max, std }: Aggregate): string {
  const shown = [middle, min, max, std].map((value) => (100 * value).toFixed(2));
  return `mean/min/max/std: ${shown.join(' / ')}`;
}

function metricsOf(
  { ks }: LowshotSpec,
  best: readonly Aggregate[],
  honest: readonly (Aggregate | undefined)[],
): Metrics {
  const named = (prefix: string, one: Aggregate | undefined) =>
    one === undefined
      ? []
      : (['mean', 'min', 'max', 'std'] as const).map((part): [string, number] => [
          `${prefix}_${part}`,
          100 * one[part],
        ]);
  return Object.fromEntries(
    ks.flatMap((k, i) => [...named(`k${k}`, best[i]), ...named(`k${k}_cv`, honest[i])]),
  );
}

/** The means of the layer whose largest k comes out best. */
function lastBest(units: ReadonlyMap<string, Metrics>): Metrics {
  const means = [...units.values()].map((found) =>
    Object.fromEntries(Object.entries(found).filter(([name]) => name.endsWith('_mean'))),
  );
  const last = Object.keys(means[0] ?? {})
    .filter((name) => !name.endsWith('_cv_mean'))
    .at(-1);
  const values = means.map((found) => found[last ?? ''] ?? Number.NEGATIVE_INFINITY);
  return means[firstMaximum(values)] ?? {};
}

function labelsTensor(draws: readonly Draw[]) {
  const size = draws[0]?.marks.length ?? 0;
  const all = new Int32Array(draws.length * size);
  for (const [d, { marks }] of draws.entries()) all.set(marks, d * size);
  return hostArray('int32', [draws.length, size], all);
}

function joined(rows: readonly Float64Array[]): Float64Array {
  const out = new Float64Array(rows.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const row of rows) {
    out.set(row, at);
    at += row.length;
  }
  return out;
}
