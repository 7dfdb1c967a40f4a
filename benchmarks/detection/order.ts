/** Indices of values from the highest to the lowest; equal ones stay in their order. */
export function byFallingValue(values: ArrayLike<number>): Int32Array {
  const order = Int32Array.from({ length: values.length }, (_, i) => i);
  return order.sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b);
}

/** Indices of the `count` highest values, by falling value; equal ones by rising index. */
export function highest(values: ArrayLike<number>, count: number): Int32Array {
  return byFallingValue(values).slice(0, count);
}
