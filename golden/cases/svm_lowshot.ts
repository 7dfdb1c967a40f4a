import { hostArray } from '../../harness/engine/array.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { aggregated } from '../../harness/metrics/spread_of.ts';
import { firstMaximum } from '../../harness/svm/costs.ts';
import { type Shot, scoreShots } from '../../harness/svm/lowshot.ts';
import { type Computing, gram, productsOf } from '../../harness/svm/products.ts';
import type { Comparisons } from '../../harness/testing/parity/agreement.ts';
import { flat } from '../../harness/testing/parity/arrays.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import type { ParityCase } from '../../harness/testing/parity/run.ts';
import { LowshotParameters, labelColumns, scaledRows, within } from './svm_reading.ts';

const computing: Computing = { threads: 0 };

/** The low-shot SVM: mean average precision of every sample, k and cost, and what is made of them. */
export const lowshotCase: ParityCase = {
  methods: ['low-shot linear SVM (VOC07 style)'],
  run: async (fixture, comparisons) => {
    await startEngine();
    const spec = fixture.field('hyper_parameters', LowshotParameters);
    const { costs, k_values, class_weight, intercept_scaling } = spec;
    comparisons.add('costs', hostArray('float64', [costs.length], Float64Array.from(costs)));
    const train = await scaledRows(fixture, 'in.train_features', intercept_scaling);
    const test = await scaledRows(fixture, 'in.test_features', intercept_scaling);
    const products = {
      train: await gram(train, computing),
      test: await productsOf(train, test, computing),
    };
    const samples = Array.from({ length: spec.samples }, (_, i) => i + 1);
    const shots = samples.flatMap((sample) =>
      k_values.flatMap((k) => shotsOf(fixture, `rng.targets.sample${sample}_k${k}`)),
    );
    const scored = await scoreShots(
      products,
      shots,
      { costs, weights: class_weight, folds: 0 },
      computing,
    );
    const classes = shots.length / (samples.length * k_values.length);
    const meanOf = (sample: number, k: number) => {
      const first = (sample * k_values.length + k) * classes;
      const own = scored.slice(first, first + classes);
      return Float64Array.from(
        costs,
        (_, c) => own.reduce((sum, { testAp }) => sum + (testAp[c] ?? 0), 0) / classes,
      );
    };
    const means = samples.map((_, s) => k_values.map((_, k) => meanOf(s, k)));
    compare(fixture, comparisons, means, spec);
  },
};

/** What each class of a label matrix trains on, and what it is tested by. */
function shotsOf(fixture: Fixture, name: string): Shot[] {
  const targets = labelColumns(fixture.input('in.test_labels'));
  return labelColumns(fixture.input(name)).map((labels, c) => {
    const rows = Int32Array.from(Array.from(labels.keys()).filter((i) => labels[i] !== -1));
    return {
      rows,
      labels: Int8Array.from(rows, (i) => (labels[i] === 1 ? 1 : -1)),
      targets: targets[c] ?? new Int8Array(),
    };
  });
}

interface Parameters {
  readonly costs: readonly number[];
  readonly k_values: readonly number[];
}

function compare(
  fixture: Fixture,
  comparisons: Comparisons,
  means: readonly (readonly Float64Array[])[],
  { costs, k_values }: Parameters,
): void {
  const vote = within(fixture, comparisons);
  for (const [s, ofSample] of means.entries())
    for (const [k, aps] of ofSample.entries()) {
      const name = `test_ap.sample${s + 1}_k${k_values[k]}`;
      vote(name, [costs.length], aps, `spread.${name}`);
    }
  const shape = [k_values.length, costs.length];
  const table = k_values.map((_, k) =>
    costs.map((_, c) => aggregated(means.map((ofSample) => ofSample[k]?.[c] ?? Number.NaN))),
  );
  for (const part of ['mean', 'max', 'min', 'std'] as const) {
    const data = Float64Array.from(table.flat(), (one) => one[part]);
    vote(`aggregate.${part}`, shape, data, `spread.aggregate.${part}`);
  }
  best(
    fixture,
    comparisons,
    table.map((row) => row.map(({ mean }) => mean)),
    costs,
  );
}

/** The cost of the best mean; where the reference's own means are as near as its noise, its choice. */
function best(
  fixture: Fixture,
  comparisons: Comparisons,
  means: readonly (readonly number[])[],
  costs: readonly number[],
): void {
  const theirs = flat(comparisons.use('best_cost')?.data ?? new Float64Array());
  const noise = fixture.tolerances.test_ap?.value ?? 0;
  const chosen = means.map((row, k) => {
    const own = firstMaximum(row);
    const other = costs.indexOf(theirs[k] ?? Number.NaN);
    return Math.abs((row[own] ?? 0) - (row[other] ?? Number.NaN)) <= noise ? other : own;
  });
  const exact = { kind: 'exact', value: 0, absolute: 0 } as const;
  const shape = [means.length];
  const found = Float64Array.from(chosen, (place) => costs[place] ?? Number.NaN);
  comparisons.addWithin('best_cost', hostArray('float64', shape, found), exact);
  const percent = Float64Array.from(means, (row) => 100 * (row[firstMaximum(row)] ?? 0));
  const bound = { kind: 'absolute', value: 100 * noise, absolute: 0 } as const;
  comparisons.addWithin('best_map', hostArray('float64', shape, percent), bound);
}
