import { z } from 'zod';
import { UserError } from '../../harness/base/errors.ts';
import { hostArray } from '../../harness/engine/array.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { areaAp, areaUnder, precisionRecall } from '../../harness/metrics/average_precision.ts';
import { type ClassFit, fitClasses } from '../../harness/svm/one_vs_rest.ts';
import {
  type Computing,
  decisionsOf,
  type ScaledRows,
  weightsOf,
} from '../../harness/svm/products.ts';
import type { Comparisons } from '../../harness/testing/parity/agreement.ts';
import { flat } from '../../harness/testing/parity/arrays.ts';
import type { Fixture, Tolerance } from '../../harness/testing/parity/fixture.ts';
import type { ParityCase } from '../../harness/testing/parity/run.ts';
import { labelColumns, SvmParameters, scaledRows, within } from './svm_reading.ts';

const computing: Computing = { threads: 0 };
const AP: Tolerance = { kind: 'absolute', value: 1e-6, absolute: 0 };
const EXACT: Tolerance = { kind: 'exact', value: 0, absolute: 0 };

/** The SVM of VOC07: folds, choice of costs, machines, what they say, and their average precision. */
export const svmCase: ParityCase = {
  methods: ['linear SVM (VOC07 style)'],
  run: async (fixture, comparisons) => {
    await startEngine();
    precisions(fixture, comparisons);
    const spec = fixture.field('hyper_parameters', SvmParameters);
    const train = await scaledRows(fixture, 'in.train_features', spec.intercept_scaling);
    const test = await scaledRows(fixture, 'in.test_features', spec.intercept_scaling);
    rowZero(fixture, comparisons, train);
    comparisons.add('costs', hostArray('float64', [spec.costs.length], doubles(spec.costs)));
    const labels = labelColumns(fixture.input('in.train_labels'));
    const fits = await fitClasses(
      train,
      labels.map((own) => own.map((label) => (label === 1 ? 1 : -1))),
      { costs: spec.costs, folds: spec.folds, weights: spec.class_weight },
      computing,
    );
    for (const [c, { folds }] of fits.entries())
      comparisons.add(`folds.c${c}`, hostArray('int32', [folds.length], folds));
    const found = { train, test, fits, costs: spec.costs };
    await converged(fixture, comparisons, found);
    await asTheReference(fixture, comparisons, found);
  },
};

interface Found {
  readonly train: ScaledRows;
  readonly test: ScaledRows;
  readonly fits: readonly ClassFit[];
  readonly costs: readonly number[];
}

/** The average precision alone: down the ranking that the reference used, and down our own. */
function precisions(fixture: Fixture, comparisons: Comparisons): void {
  for (const name of fixture.inputs) {
    const [, place] = /^in\.ap(\d+)\.order$/.exec(name) ?? [];
    if (place === undefined) continue;
    const targets = flat(fixture.input(`in.ap${place}.targets`).data);
    const order = Int32Array.from(flat(fixture.input(name).data));
    const curve = precisionRecall(order, targets);
    for (const part of ['precision', 'recall'] as const)
      comparisons.addWithin(
        `ap${place}.${part}`,
        hostArray('float64', [order.length], curve[part]),
        AP,
      );
    const area = hostArray('float64', [1], Float64Array.of(areaUnder(curve)));
    comparisons.addWithin(`ap${place}.ap`, area, AP);
    // Equal scores fall as the sort of the reference lets them; without them the ranking is one.
    const scores = flat(fixture.input(`in.ap${place}.scores`).data);
    if (new Set(scores).size < scores.length) continue;
    const own = hostArray('float64', [1], Float64Array.of(areaAp(scores, targets)));
    comparisons.addWithin(`ap${place}.ap`, own, AP);
  }
}

function rowZero(fixture: Fixture, comparisons: Comparisons, { rows, scales }: ScaledRows): void {
  const { data } = fixture.input('in.train_features');
  const row = flat(data).slice(0, rows.width);
  const scaled = Float64Array.from(row, (x) => x * (scales[0] ?? 0));
  comparisons.addWithin(
    'train_features_normalized_row0',
    hostArray('float64', [rows.width], scaled),
    { kind: 'absolute', value: 1e-12, absolute: 0 },
  );
}

/** Against the exact optimum of every class and cost. */
async function converged(fixture: Fixture, comparisons: Comparisons, found: Found): Promise<void> {
  if (!comparisons.expects('converged.weights')) return;
  const { train, test, fits, costs } = found;
  const bound = fixture.tolerances.converged;
  if (bound === undefined) throw new UserError('tolerances.converged is missing');
  const parts = fits.flatMap(({ coefficients }) => coefficients);
  const machines = await weightsOf(train, joined(parts), computing);
  const decisions = await decisionsOf(test, machines, computing);
  const shape = [fits.length, costs.length];
  const add = (name: string, dims: readonly number[], data: Float64Array, by: Tolerance) =>
    comparisons.addWithin(`converged.${name}`, hostArray('float64', dims, data), by);
  add('weights', [...shape, train.rows.width], machines.weights, bound);
  add('intercepts', shape, machines.intercepts, bound);
  add('decision_values', [...shape, test.rows.count], decisions, bound);
  const foldAp = joined(fits.flatMap((fit) => fit.foldAp));
  add('fold_ap', [...shape, foldAp.length / parts.length], foldAp, AP);
  add('crossval_ap', shape, joined(fits.map(({ crossvalAp }) => crossvalAp)), AP);
  const targets = labelColumns(fixture.input('in.test_labels'));
  const { count } = test.rows;
  const aps = Float64Array.from(parts, (_, p) => {
    const own = targets[Math.floor(p / costs.length)] ?? new Int8Array();
    return testAp(decisions.subarray(p * count, (p + 1) * count), own);
  });
  add('test_ap', shape, aps, AP);
  chosenCost(fixture, comparisons, 'converged.chosen_cost', found);
}

/** Against the reference's own runs, which end a little short of the optimum. */
async function asTheReference(
  fixture: Fixture,
  comparisons: Comparisons,
  found: Found,
): Promise<void> {
  const { train, test, fits } = found;
  const chosen = theirChoice(comparisons, found);
  const machines = await weightsOf(
    train,
    joined(fits.map((fit, c) => fit.coefficients[chosen[c] ?? 0] ?? new Float64Array())),
    computing,
  );
  const decisions = await decisionsOf(test, machines, computing);
  const targets = labelColumns(fixture.input('in.test_labels'));
  const { count } = test.rows;
  const classes = fits.length;
  const aps = Float64Array.from(fits, (_, c) =>
    testAp(decisions.subarray(c * count, (c + 1) * count), targets[c] ?? new Int8Array()),
  );
  const vote = within(fixture, comparisons);
  const { costs } = found;
  const crossval = joined(fits.map(({ crossvalAp }) => crossvalAp));
  vote('crossval_ap', [classes, costs.length], crossval, 'crossval_ap_spread');
  vote('test_ap', [classes], aps, 'test_ap_spread');
  vote('decision_values', [classes, count], decisions, 'decision_values_spread');
  const spread = Math.max(...flat(comparisons.use('decision_values_spread')?.data ?? doubles([0])));
  const alike = fixture.tolerances.decision_values ?? AP;
  const bound = { ...alike, value: Math.max(alike.value, 2 * spread) };
  const weights = hostArray('float64', [classes, train.rows.width], machines.weights);
  comparisons.addWithin('weights', weights, bound);
  comparisons.addWithin('intercepts', hostArray('float64', [classes], machines.intercepts), bound);
  for (const name of ['chosen_cost', 'chosen_cost_of_each_run'])
    chosenCost(fixture, comparisons, name, found);
}

/** Where a choice hangs on the noise of the solver, the machines of the reference's choice are compared. */
function theirChoice(comparisons: Comparisons, { fits, costs }: Found): number[] {
  const theirs = flat(comparisons.use('chosen_cost')?.data ?? doubles([]));
  return fits.map(({ chosen }, c) => {
    const place = costs.indexOf(theirs[c] ?? Number.NaN);
    return place < 0 ? chosen : place;
  });
}

/** The cost of each class, [..., classes], where the case says that it does not hang on noise. */
function chosenCost(
  fixture: Fixture,
  comparisons: Comparisons,
  name: string,
  { fits, costs }: Found,
): void {
  const expected = comparisons.use(name);
  if (expected === undefined) return;
  const checked = fixture.field('cost_choice_checked', z.array(z.boolean()).optional());
  const data = Float64Array.from(flat(expected.data), (theirs, i) => {
    const c = i % fits.length;
    return checked?.[c] === false ? theirs : (costs[fits[c]?.chosen ?? 0] ?? Number.NaN);
  });
  comparisons.addWithin(name, hostArray('float64', expected.shape, data), EXACT);
}

/** Images that are neither are not judged. */
function testAp(decisions: Float64Array, targets: Int8Array): number {
  const judged = Array.from(targets.keys()).filter((i) => targets[i] !== -1);
  return areaAp(
    judged.map((i) => decisions[i] ?? 0),
    judged.map((i) => targets[i] ?? 0),
  );
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const out = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function doubles(values: readonly number[]): Float64Array {
  return Float64Array.from(values);
}
