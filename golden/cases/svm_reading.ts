import { z } from 'zod';
import { type HostArray, hostArray } from '../../harness/engine/array.ts';
import type { ScaledRows } from '../../harness/svm/products.ts';
import { rowScales, rowsOf } from '../../harness/svm/rows.ts';
import type { Comparisons } from '../../harness/testing/parity/agreement.ts';
import { flat } from '../../harness/testing/parity/arrays.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';

const common = {
  costs: z.array(z.number().positive()).min(1),
  class_weight: z
    .strictObject({ '1': z.number().positive(), '-1': z.number().positive() })
    .transform((weight) => ({ positive: weight['1'], negative: weight['-1'] })),
  intercept_scaling: z.number().positive(),
  penalty: z.literal('l2'),
  loss: z.literal('squared_hinge'),
  // How the reference's solver goes about it; the optimum is the same.
  tol: z.number(),
  dual: z.boolean(),
  max_iter: z.int(),
};

export const SvmParameters = z.strictObject({ ...common, folds: z.int().min(2) });

export const LowshotParameters = z.strictObject({
  ...common,
  k_values: z.array(z.int().positive()).min(1),
  samples: z.int().positive(),
});

/** [N, C] by class: int8 [N] each. */
export function labelColumns({ data, shape }: HostArray): Int8Array[] {
  const [count = 0, classes = 0] = shape;
  return Array.from({ length: classes }, (_, c) =>
    Int8Array.from({ length: count }, (_, i) => Number(data[i * classes + c])),
  );
}

/** Features with their scales; the reference's epsilon is no parameter of the case. */
export async function scaledRows(
  fixture: Fixture,
  name: string,
  intercept: number,
): Promise<ScaledRows> {
  const { data, shape } = fixture.input(name);
  const rows = rowsOf(Float32Array.from(flat(data)), shape[1] ?? 1);
  return { rows, scales: await rowScales(rows, 1e-5, name), intercept };
}

/**
 * Compares by the bound of the name's group, or twice the spread of the reference's own runs where that
 * is more. A spread of fewer dimensions stands for all that lies behind them.
 */
export function within(fixture: Fixture, comparisons: Comparisons) {
  return (name: string, shape: readonly number[], data: Float64Array, spread: string): void => {
    const apart = flat(comparisons.use(spread)?.data ?? new Float64Array());
    const group = name.replace(/^aggregate.*|^test_ap\..*/, 'test_ap');
    const bound = fixture.tolerances[group] ?? { kind: 'absolute', value: 1e-6, absolute: 0 };
    const each = Math.max(1, data.length / Math.max(1, apart.length));
    const slack = (i: number) => Math.max(0, 2 * (apart[Math.floor(i / each)] ?? 0) - bound.value);
    comparisons.addWithin(name, hostArray('float64', shape, data), bound, slack);
  };
}
