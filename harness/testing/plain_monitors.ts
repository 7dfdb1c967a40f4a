import type { HostArray } from '../engine/array.ts';

export type Rows = readonly (readonly number[])[];

/** What `monitors` of harness/nn tells of unit rows, in plain loops and float64, row by row. */
export function plainMonitors(a: Rows, b: Rows) {
  const width = a[0]?.length ?? 0;
  const cos = (i: number, j: number) =>
    (a[i] ?? []).reduce((s, x, d) => s + x * (b[j]?.[d] ?? 0), 0);
  let [own, others, pairs] = [0, 0, 0];
  for (let i = 0; i < a.length; i++)
    for (let j = 0; j < b.length; j++)
      if (i === j) own += cos(i, j) / a.length;
      else {
        others += cos(i, j);
        pairs++;
      }
  let deviation = 0;
  for (let d = 0; d < width; d++) {
    const mean = a.reduce((s, row) => s + (row[d] ?? 0), 0) / a.length;
    const variance = a.reduce((s, row) => s + ((row[d] ?? 0) - mean) ** 2, 0) / a.length;
    deviation += Math.sqrt(variance) / width;
  }
  return {
    positive_similarity: own,
    negative_similarity: pairs === 0 ? 0 : others / pairs,
    embedding_std: deviation * Math.sqrt(width),
  };
}

/** The row over its length; a row of zeros stays one. */
export function unit(row: readonly number[]): number[] {
  const length = Math.sqrt(row.reduce((s, x) => s + x * x, 0));
  return row.map((x) => x / (length || 1));
}

/** Features, [N, …, D], averaged over what lies between, as unit rows. */
export function unitRowsOf({ shape, data }: HostArray): number[][] {
  const [count = 0, width = 1] = [shape[0], shape.at(-1)];
  const places = data.length / count / width;
  return Array.from({ length: count }, (_, n) => {
    const sums = Array.from({ length: width }, () => 0);
    for (let i = 0; i < places * width; i++)
      sums[i % width] = (sums[i % width] ?? 0) + Number(data[n * places * width + i]);
    return unit(sums);
  });
}
