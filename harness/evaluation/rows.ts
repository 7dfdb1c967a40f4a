/** Frozen features of labelled images. */
export interface LabelledFeatures {
  /** float32 [N, D], row after row. */
  readonly features: Float32Array;
  /** D. */
  readonly width: number;
  /** int32 [N]: the class of each row, from 0. */
  readonly labels: Int32Array;
}

/** One more than the largest label. */
export function classCount(labels: Int32Array): number {
  let most = -1;
  for (const label of labels) if (label > most) most = label;
  return most + 1;
}

/** The place of the largest value among `count` from `start`; of equal ones the first. */
export function largest(values: ArrayLike<number>, start: number, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++)
    if ((values[start + i] ?? 0) > (values[start + best] ?? 0)) best = i;
  return best;
}

/** Share of predictions that are right, in percent. */
export function accuracy(predictions: Int32Array, labels: Int32Array): number {
  let right = 0;
  for (const [i, label] of labels.entries()) if (predictions[i] === label) right++;
  return (100 * right) / labels.length;
}

/**
 * Share of rows whose own class is among the `top` largest, in percent. Of equal values the lower
 * class comes first.
 * @param values float32 [N, classes]
 */
export function topShare(
  values: Float32Array,
  classes: number,
  labels: Int32Array,
  top: number,
): number {
  let right = 0;
  for (const [i, label] of labels.entries()) {
    const own = values[i * classes + label] ?? Number.NaN;
    let ahead = 0;
    for (let c = 0; c < classes; c++) {
      const value = values[i * classes + c] ?? 0;
      if (value > own || (value === own && c < label)) ahead++;
    }
    if (ahead < top) right++;
  }
  return (100 * right) / labels.length;
}
