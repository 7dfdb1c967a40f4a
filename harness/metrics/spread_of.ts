/** How a figure comes out over several samples. */
export interface Aggregate {
  readonly mean: number;
  readonly min: number;
  readonly max: number;
  /** Population deviation. */
  readonly std: number;
}

/** Over values in their order. */
export function aggregated(values: readonly number[]): Aggregate {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const squares = values.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  return {
    mean,
    min: Math.min(...values),
    max: Math.max(...values),
    std: Math.sqrt(squares / values.length),
  };
}
