import { Kernel } from './kernel.ts';
import { type Computing, gram, type ScaledRows } from './products.ts';
import { pieces } from './rows.ts';

/**
 * The kernel of rows, in the form whose products are cheaper: N² numbers of inner products, or twice the
 * N (width + 1) of the rows.
 */
export async function kernelOf(own: ScaledRows, computing: Computing): Promise<Kernel> {
  const { count, width } = own.rows;
  const { threads } = computing;
  if (count > 2 * (width + 1)) return Kernel.ofRows(await scaledPoints(own), count, threads);
  return Kernel.ofProducts(await gram(own, computing), { groups: 1, rows: count, threads });
}

/** float64 [N, width + 1]: each row over its length, and the feature of the intercept. */
async function scaledPoints({ rows, scales, intercept }: ScaledRows): Promise<Float64Array> {
  const { count, width } = rows;
  const points = new Float64Array(count * (width + 1)).fill(intercept);
  for await (const { values, from, valid } of pieces(rows))
    for (let row = 0; row < valid; row++) {
      const scale = scales[from + row] ?? 0;
      const at = (from + row) * (width + 1);
      for (let d = 0; d < width; d++) points[at + d] = (values[row * width + d] ?? 0) * scale;
    }
  return points;
}
