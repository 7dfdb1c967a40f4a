import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { parse, UserError } from '../harness/base/index.ts';
import type { Bench, BenchSet } from '../harness/benchmark/kit.ts';
import { startEngine } from '../harness/engine/index.ts';
import { readNpy } from '../harness/features/npy.ts';
import { areaAp } from '../harness/metrics/average_precision.ts';
import { fillNormal, stream } from '../harness/random/stream.ts';
import { lowshot, lowshotSpec } from './lowshot.ts';
import { labelFile, readLabels } from './lowshot_labels.ts';
import { svm, svmSpec } from './svm.ts';

beforeAll(() => startEngine());
const folder = mkdtempSync(join(tmpdir(), 'svm-protocol-'));
afterAll(() => rmSync(folder, { recursive: true }));

const data = svm.drawn.data;
const spec = svmSpec.parse({ data, costs: [1, 0.1], layers: 'feat5' });

/** Images 0, 1, … of three classes, marked by turns; image 5 is difficult for the first class. */
function marked(count: number, marks?: Int8Array): BenchSet {
  const own = Int8Array.from({ length: count * 3 }, (_, at) =>
    Math.floor(at / 3) % 3 === at % 3 ? 1 : 0,
  );
  own[15] = -1;
  return {
    count,
    labels: undefined,
    marks: marks ?? own,
    classes: ['cat', 'dog', 'owl'],
    describe: (i) => `images/${String(count - i).padStart(3, '0')}.jpg`,
  };
}

const sets = { train: marked(24), test: marked(18) };

/** Features that tell the classes apart, but for noise. */
function benchOf(name: string, change: Partial<Bench> = {}): Bench & { readonly told: string[] } {
  const told: string[] = [];
  const features: Bench['features'] = async (set) => {
    const count = set === 'train' ? 24 : 18;
    const values = fillNormal(stream(3, set), new Float32Array(count * 6), 0.8);
    for (let i = 0; i < count; i++) values[i * 6 + (i % 3)] = 1 + (values[i * 6 + (i % 3)] ?? 0);
    const rows = async (first: number, some: number) =>
      values.subarray(first * 6, (first + some) * 6);
    return { count, width: 6, sha256: '', rows };
  };
  return {
    ...{ seed: 1, sets, features, data: folder, threads: 0, signal: undefined },
    folder: join(folder, name),
    tell: (line) => told.push(line),
    told,
    ...change,
  };
}

const bound = (fields: object = {}) => {
  const made = svm.bindBenchmark({ kind: 'svm', ...svmSpec.parse({ ...spec, ...fields }) });
  if (made.way !== 'frozen') throw new Error('svm does not train');
  return made;
};
const boundLowshot = (fields: object = {}) => {
  const own = lowshotSpec.parse({ ...spec, ks: [1, 2], negatives: 3, samples: 2, ...fields });
  const made = lowshot.bindBenchmark({ kind: 'lowshot', ...own });
  if (made.way !== 'frozen') throw new Error('lowshot does not train');
  return made;
};

test('the numbers of the sheet, sections 2.3 and 3', () => {
  const whole = svmSpec.parse({ data });
  expect(whole).toMatchObject({
    layers: ['feat5'],
    pooling: 'specified',
    weights: { positive: 2, negative: 1 },
    interceptScaling: 1,
    epsilon: 1e-5,
    folds: 3,
  });
  expect(whole.costs).toHaveLength(19);
  expect(whole.costs.slice(0, 5)).toEqual([1, 10, 100, 0.0625, 0.03125]);
  expect(whole.costs.at(-1)).toBe(1.9073486328125e-6);
  const few = lowshotSpec.parse({ data });
  expect(few.ks).toEqual([1, 2, 4, 8, 16, 32, 64, 96]);
  expect([few.samples, few.negatives]).toEqual([5, 19]);
  expect(few.samples * few.ks.length * 20 * few.costs.length).toBe(15_200);
});

test('FEAT_LIST is layers with blanks between, feat5 where it is empty', () => {
  const layers = (text: unknown) => svmSpec.parse({ data, layers: text }).layers;
  expect(layers('feat3  feat5')).toEqual(['feat3', 'feat5']);
  expect(layers('')).toEqual(['feat5']);
  expect(layers(['feat1'])).toEqual(['feat1']);
  expect(() => layers('feat6')).toThrow();
  expect(() => layers('feat1 feat1')).toThrow('each layer once');
});

describe('the SVM', () => {
  it("leaves the original's files and lines, and figures that follow from them", async () => {
    const bench = benchOf('whole');
    const { metrics, tensors } = await bound().judge(bench, 'feat5');
    const of = (name: string) =>
      Array.from(readNpy(join(bench.folder, 'svm/voc07_feat5', `${name}.npy`)).values, Number);
    const aps = of('test_ap');
    expect(aps).toHaveLength(3);
    expect(metrics.mAP).toBeCloseTo((100 * aps.reduce((a, b) => a + b)) / 3, 9);
    expect(metrics.AP_dog).toBeCloseTo(100 * (aps[1] ?? 0), 12);
    expect(of('crossval_ap')).toHaveLength(6);
    for (const cost of of('chosen_cost')) expect([1, 0.1]).toContain(cost);
    const predictions: unknown = JSON.parse(
      readFileSync(join(bench.folder, 'svm/voc07_feat5/json_preds.json'), 'utf8'),
    );
    const scores = Object.entries(predictions as Record<string, Record<string, number>>);
    expect(scores[0]?.[0]).toBe('018');
    expect(scores[0]?.[1]?.owl).toBe(tensors.get('decisions')?.data[2 * 18]);
    // The difficult image, the sixth, is not judged for the first class.
    const judged = scores.filter((_, i) => i !== 5);
    const cat = judged.map(([, own]) => own.cat ?? 0);
    const there = [...scores.keys()].filter((i) => i !== 5).map((i) => (i % 3 === 0 ? 1 : 0));
    expect(aps[0]).toBeCloseTo(areaAp(cat, there), 12);
    const line = `[INFO: test_svm.py:  126]: Mean AP: [${Number(((metrics.mAP ?? 0) / 100).toFixed(8))}]`;
    const log = () => readFileSync(join(bench.folder, 'logs/eval_svm.log'), 'utf8');
    expect(log()).toBe(`For feature: feat5\n${line}\n`);
    expect(bench.told).toEqual(['For feature: feat5', line]);
    await bound().judge(bench, 'feat4');
    await bound().judge(bench, 'feat5'); // again, as after an interruption
    expect(log().match(/feat5/g)).toHaveLength(1);
    expect(log().match(/feat4/g)).toHaveLength(1);
  });

  it('says which classes have fewer images than folds', async () => {
    const bench = benchOf('few');
    await bound({ folds: 10 }).judge(bench, 'feat5');
    expect(bench.told[1]).toBe(
      'warning: "cat" has 8 images for 10 folds: a fold without any counts 0',
    );
  });

  it('tells the best layer', () => {
    const units = new Map([
      ['feat3', { mAP: 20 }],
      ['feat5', { mAP: 30 }],
    ]);
    expect(bound().summary(units)).toEqual({ mAP: 30, feat3_mAP: 20, feat5_mAP: 30 });
  });
});

describe('low-shot', () => {
  it('tells the best cost over samples, and an honest one where that can be', async () => {
    const bench = benchOf('shots');
    const { metrics } = await boundLowshot().judge(bench, 'feat5');
    const path = (name: string) => join(bench.folder, 'svm_lowshot/voc07_feat5', `${name}.npy`);
    const mean = Array.from(readNpy(path('test_ap_mean')).values, Number); // [k, cost]
    expect(metrics.k1_mean).toBeCloseTo(100 * Math.max(...mean.slice(0, 2)), 9);
    expect(metrics.k2_mean).toBeCloseTo(100 * Math.max(...mean.slice(2)), 9);
    const samples = [1, 2].map((s) => Number(readNpy(path(`test_ap_sample${s}_k2`)).values[0]));
    expect(mean[2]).toBeCloseTo(((samples[0] ?? 0) + (samples[1] ?? 0)) / 2, 12);
    expect(metrics.k1_cv_mean).toBeUndefined();
    expect(metrics.k2_cv_mean).toBeLessThanOrEqual(metrics.k2_mean ?? 0);
    const line =
      '[INFO: aggregate_low_shot_svm_stats.py:   91]: mean/min/max/std: ' +
      ['mean', 'min', 'max', 'std'].map((part) => metrics[`k1_${part}`]?.toFixed(2)).join(' / ');
    expect(bench.told).toContain(line);
    expect(readFileSync(join(bench.folder, 'logs/eval_svm.log'), 'utf8')).toContain(line);
  });

  it("draws, or takes the user's own labels, to the same figures", async () => {
    const drawn = await boundLowshot().judge(benchOf('drawn'), 'feat5');
    const labels = drawn.tensors.get('labels');
    const size = 24 * 3;
    const { describe: named, classes } = sets.train;
    const own = join(folder, 'labels');
    mkdirSync(own, { recursive: true });
    let at = 0;
    for (const sample of [1, 2])
      for (const k of [1, 2]) {
        const targets = Array.from({ length: 24 }, (_, i) => [
          named(i).replace(/^.*\/|\.jpg$/g, ''),
          Object.fromEntries(
            classes.map((name, c) => [name, Number(labels?.data[at * size + i * 3 + c])]),
          ),
        ]);
        // Ids in an order of their own.
        writeFileSync(
          join(own, `${labelFile(sample, k)}.json`),
          JSON.stringify(Object.fromEntries([...targets.slice(7), ...targets.slice(0, 7)])),
        );
        at++;
      }
    const given = await boundLowshot({ labels: 'labels' }).judge(benchOf('given'), 'feat5');
    expect(given.metrics).toEqual(drawn.metrics);
  });
});

describe('what cannot be judged is refused by name', () => {
  const without = (value: number, to: number, c: number) =>
    marked(
      24,
      marked(24).marks?.map((mark, at) => (at % 3 === c && mark === value ? to : mark)),
    );
  it.each<[string, () => unknown, RegExp]>([
    [
      'no positives in a class',
      () => bound().check({ ...sets, train: without(1, 0, 1) }),
      /benchmark\.data\.train: no image that has "dog" among 24/,
    ],
    [
      'only difficult ones in the test',
      () => bound().check({ ...sets, test: without(1, -1, 2) }),
      /benchmark\.data\.test: no image that has "owl"/,
    ],
    [
      'one class only',
      () => bound().check({ ...sets, train: without(0, 1, 0) }),
      /no image that is surely without "cat"/,
    ],
    [
      'a mark that is none',
      () => bound().check({ ...sets, train: without(1, 2, 0) }),
      /images\/024\.jpg has the label 2, expected -1 to 1/,
    ],
    [
      'a label out of range',
      () =>
        bound().check({
          train: { ...sets.train, marks: undefined, labels: new Int32Array(24).fill(3) },
        }),
      /has the label 3, expected 0 to 2/,
    ],
    [
      'k larger than the positives',
      () => boundLowshot({ ks: [1, 9] }).check(sets),
      /benchmark\.ks: k 9: 8 images have "cat", expected at least 9/,
    ],
    [
      'fewer negatives than asked for',
      () => boundLowshot({ ks: [2], negatives: 19 }).check(sets),
      /k 2: 15 images are without "cat", expected at least 38/,
    ],
  ])('%s', (_, act, message) => {
    expect(act).toThrow(UserError);
    expect(act).toThrow(message);
  });

  it('features that are no numbers', async () => {
    const bench = benchOf('nan', {
      features: async () => ({
        count: 24,
        width: 1,
        sha256: '',
        rows: async (_, some) => new Float32Array(some).fill(Number.NaN),
      }),
    });
    await expect(bound().judge(bench, 'feat5')).rejects.toThrow('train feat5: row 0 has NaN');
    expect(existsSync(join(bench.folder, 'svm'))).toBe(false);
  });

  const files = (targets: unknown) => () => {
    writeFileSync(join(folder, `${labelFile(1, 1)}.json`), JSON.stringify(targets));
    return readLabels(folder, labelFile(1, 1), sets.train);
  };
  const whole = (label: (i: number, c: number) => number) =>
    Object.fromEntries(
      Array.from({ length: 24 }, (_, i) => [
        String(24 - i).padStart(3, '0'),
        Object.fromEntries(sets.train.classes.map((name, c) => [name, label(i, c)])),
      ]),
    );

  it.each<[string, () => unknown, RegExp]>([
    [
      'labels of other images',
      files({ ...whole(() => -1), x: { cat: 1 } }),
      /image "x" is not among/,
    ],
    ['an image without labels', files({}), /image "024" has the label undefined of "cat"/],
    [
      'a label that is none',
      files(whole(() => 4)),
      /has the label 4 of "cat", expected 1, 0 or -1/,
    ],
    [
      'labels shifted by one',
      files(whole((i, c) => (i % 3 === (c + 1) % 3 ? 1 : 0))),
      /the data say .*; are the labels of other images, or shifted\?/,
    ],
  ])('%s', (_, act, message) => {
    expect(act).toThrow(message);
  });
});

test('a key that is not known is named', () => {
  expect(() => parse(svmSpec, { data, cost: [1] }, 'benchmark')).toThrow(/cost/);
});
