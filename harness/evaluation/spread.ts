import { breath } from '../base/breath.ts';
import { op1 } from '../engine/op.ts';
import { Program } from '../engine/program.ts';
import { exp, log } from '../random/elementary.ts';
import { symmetricEigenvalues } from './eigenvalues.ts';
import type { LabelledFeatures } from './rows.ts';
import { unitRows } from './unit_rows.ts';

/** How widely features are spread. */
export interface Spread {
  /**
   * Standard deviation of each coordinate of unit rows over all images, mean over coordinates, in units
   * of 1 / sqrt(D): 0 where all rows are the same.
   */
  readonly feature_std: number;
  /**
   * exp of the entropy of the singular values over their sum, 1 to D: Roy & Vetterli 2007; RankMe, Garrido
   * et al. 2023, arXiv:2210.02885, eq. 1. Of unit rows, as k-NN compares them.
   */
  readonly effective_rank: number;
}

const ROWS = 1024;

interface SpreadOptions {
  /** Threads of the engine; 0 for all cores. Never changes a bit. */
  readonly threads?: number;
  /** Ends the work, which throws its reason then. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Spread of the rows of features. Coordinates are rounded to a grid on which every sum of products is
 * exact in float64, in whatever order a kernel adds; what follows is plain arithmetic. So the bits
 * depend on the features alone.
 */
export async function spreadOf(
  { features, width }: Pick<LabelledFeatures, 'features' | 'width'>,
  { threads = 0, signal }: SpreadOptions = {},
): Promise<Spread> {
  const count = features.length / width;
  const rows = await unitRows(features, width, gridFor(count), signal);
  const products = await gram(rows, width, threads, signal);
  return {
    feature_std: meanDeviation(rows, products, width) * Math.sqrt(width),
    effective_rank: effectiveRank(await symmetricEigenvalues(products, width, signal)),
  };
}

/** exp of the entropy of sqrt(eigenvalue) over their sum; 0 where there is nothing. */
export function effectiveRank(eigenvalues: ArrayLike<number>): number {
  const values = Array.from(eigenvalues, (value) => Math.sqrt(Math.max(0, value)));
  const total = values.reduce((sum, value) => sum + value, 0);
  if (total === 0) return 0;
  const entropy = values.reduce((sum, value) => {
    const share = value / total;
    return share > 0 ? sum - share * log(share) : sum;
  }, 0);
  return exp(entropy);
}

/** Products of grid numbers have twice the bits, and a sum of `count` of them has some more. */
function gridFor(count: number): number {
  return 2 ** Math.floor((53 - Math.ceil(Math.log2(Math.max(2, count)))) / 2);
}

/** rows' rows, [D, D]; the last piece is filled up with zeros, which add nothing. */
async function gram(
  rows: Float64Array,
  width: number,
  threads: number,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const program = new Program({ intraThreads: threads });
  try {
    program.entry('gram', {
      inputs: { rows: { dtype: 'float64', shape: [ROWS, width] } },
      build: (io) => {
        const { rows: piece } = io.inputs;
        if (piece === undefined) throw new Error('spread: no input');
        return { products: op1('MatMul', [piece, piece], { transpose_a: true }) };
      },
    });
    const total = new Float64Array(width * width);
    for (let first = 0; first < rows.length; first += ROWS * width) {
      await breath(signal);
      const piece = new Float64Array(ROWS * width);
      piece.set(rows.subarray(first, first + ROWS * width));
      const { products } = await program.runUnlessStopped(signal, 'gram', { rows: piece });
      if (!(products?.data instanceof Float64Array)) throw new Error('spread: float64 expected');
      for (const [i, value] of products.data.entries()) total[i] = (total[i] ?? 0) + value;
    }
    return total;
  } finally {
    program.dispose();
  }
}

function meanDeviation(rows: Float64Array, products: Float64Array, width: number): number {
  const count = rows.length / width;
  const sums = new Float64Array(width);
  for (let i = 0; i < rows.length; i += width)
    for (let d = 0; d < width; d++) sums[d] = (sums[d] ?? 0) + (rows[i + d] ?? 0);
  let total = 0;
  for (let d = 0; d < width; d++) {
    const mean = (sums[d] ?? 0) / count;
    total += Math.sqrt(Math.max(0, (products[d * width + d] ?? 0) / count - mean * mean));
  }
  return total / width;
}
