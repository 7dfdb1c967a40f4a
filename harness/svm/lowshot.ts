import { hostArray } from '../engine/array.ts';
import { op1 } from '../engine/op.ts';
import { Program } from '../engine/program.ts';
import { tf } from '../engine/tf.ts';
import { areaAp, stepAp } from '../metrics/average_precision.ts';
import type { Costs } from './costs.ts';
import { stratifiedFolds } from './folds.ts';
import type { Computing } from './products.ts';
import { fitSubsets, type Subset, type SubsetFit } from './subsets.ts';

/** A class's machine on a few images. */
export interface Shot {
  /** int32 [n]: training images. */
  readonly rows: Int32Array;
  /** int8 [n]: 1 or -1. */
  readonly labels: Int8Array;
  /** int8 [M]: 1 present, 0 absent, -1 not judged. */
  readonly targets: Int8Array;
}

export interface ShotScores {
  /** [costs]: area under the precision-recall curve on the test images. */
  readonly testAp: Float64Array;
  /** [costs]: as in cross-validation of all images; undefined where it cannot be done. */
  readonly crossvalAp: Float64Array | undefined;
}

export interface LowshotProducts {
  /** float64 [N, N] */
  readonly train: Float64Array;
  /** float64 [N, M], with the test images. */
  readonly test: Float64Array;
}

export interface LowshotSpec extends Costs {
  /** Most folds of the cross-validation; a class of fewer positives has as many as those; 0 for none. */
  readonly folds: number;
}

/** Fits each shot at each cost, and scores it on the test images and by cross-validation. */
export async function scoreShots(
  products: LowshotProducts,
  shots: readonly Shot[],
  spec: LowshotSpec,
  computing: Computing,
  tell: (done: number) => void = () => undefined,
): Promise<readonly ShotScores[]> {
  const plans = shots.map((shot) => planned(shot, spec.folds));
  const tester = new Tester(products, computing.threads);
  const scores: ShotScores[] = [];
  let done = 0;
  try {
    await fitSubsets(products.train, plans, spec, computing, async (place, fits) => {
      const [shot, plan] = [shots[place], plans[place]];
      if (shot === undefined || plan === undefined) throw new Error(`lowshot: no shot ${place}`);
      scores[place] = {
        testAp: await tester.scores(
          shot,
          fits.filter(({ variant }) => variant === 0),
        ),
        crossvalAp: plan.folds && crossvalAp(shot, plan.folds, fits, spec),
      };
      tell(++done);
    });
  } finally {
    tester.dispose();
  }
  return scores;
}

interface ShotPlan extends Subset {
  readonly folds: Int32Array | undefined;
}

/** Both kinds must be in every part, or there is nothing to fit or to score. */
function planned({ rows, labels }: Shot, most: number): ShotPlan {
  const counts = [1, -1].map((kind) => labels.filter((label) => label === kind).length);
  const count = Math.min(most, ...counts);
  if (count < 2) return { rows, labels: [labels], folds: undefined };
  const folds = stratifiedFolds(labels, count);
  const without = (fold: number) => labels.map((label, i) => (folds[i] === fold ? 0 : label));
  return { rows, labels: [labels, ...Array.from({ length: count }, (_, i) => without(i))], folds };
}

function crossvalAp(
  { labels }: Shot,
  folds: Int32Array,
  fits: readonly SubsetFit[],
  { costs }: Costs,
): Float64Array {
  const count = Math.max(...folds) + 1;
  const mean = new Float64Array(costs.length);
  for (const { variant, cost, decisions } of fits) {
    if (variant === 0) continue;
    const tested = Array.from(labels.keys()).filter((i) => folds[i] === variant - 1);
    const ap = stepAp(
      tested.map((i) => decisions[i] ?? 0),
      tested.map((i) => labels[i] ?? 0),
    );
    mean[cost] = (mean[cost] ?? 0) + ap / count;
  }
  return mean;
}

/** Decisions of machines on all test images. */
class Tester {
  private readonly program: Program;
  private readonly products: LowshotProducts;
  private readonly tested: number;
  private readonly entries = new Set<string>();

  constructor(products: LowshotProducts, threads: number) {
    this.products = products;
    this.program = new Program({ intraThreads: threads });
    const count = Math.sqrt(products.train.length);
    this.tested = products.test.length / count;
    this.program.state('products', { dtype: 'float64', shape: [count, this.tested] });
  }

  /** @returns [fits] */
  async scores({ rows, targets }: Shot, fits: readonly SubsetFit[]): Promise<Float64Array> {
    const coefficients = new Float64Array(fits.length * rows.length);
    for (const [i, fit] of fits.entries()) coefficients.set(fit.coefficients, i * rows.length);
    const name = await this.entryOf(fits.length, rows.length);
    const { decisions } = await this.program.run(name, { rows, coefficients });
    const judged = Array.from(targets.keys()).filter((i) => targets[i] !== -1);
    const present = judged.map((i) => targets[i] ?? 0);
    const data = decisions?.data ?? [];
    return Float64Array.from(fits, (_, i) =>
      areaAp(
        judged.map((image) => Number(data[i * this.tested + image])),
        present,
      ),
    );
  }

  private async entryOf(fits: number, rows: number): Promise<string> {
    if (this.entries.size === 0) {
      const { train, test } = this.products;
      const shape = [Math.sqrt(train.length), this.tested];
      await this.program.writeState('products', hostArray('float64', shape, test));
    }
    const name = `decide_${fits}_${rows}`;
    if (this.entries.has(name)) return name;
    this.program.entry(name, {
      inputs: {
        rows: { dtype: 'int32', shape: [rows] },
        coefficients: { dtype: 'float64', shape: [fits, rows] },
      },
      build: (io) => {
        const { rows: own, coefficients } = io.inputs;
        if (!(own && coefficients)) throw new Error('lowshot: no inputs');
        const products = op1('GatherV2', [io.read('products'), own, tf.scalar(0, 'int32')]);
        return { decisions: op1('MatMul', [coefficients, products]) };
      },
    });
    this.entries.add(name);
    return name;
  }

  dispose(): void {
    this.program.dispose();
  }
}
