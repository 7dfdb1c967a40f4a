/**
 * Places in the order of falling scores; of equal scores the later place first, which is what a stable
 * ascending sort gives when it is read backwards (docs/reference/benchmarks.md, section 2.4).
 */
export function ranking(scores: ArrayLike<number>): Int32Array {
  const places = Array.from({ length: scores.length }, (_, i) => i);
  return Int32Array.from(places.sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || b - a));
}

export interface PrecisionRecall {
  /** float64 [N], at every rank. */
  readonly precision: Float64Array;
  readonly recall: Float64Array;
}

/**
 * Precision and recall down a ranking. Recall is NaN where nothing is present.
 * @param order places by rank
 * @param targets [N], above 0 for present
 */
export function precisionRecall(order: Int32Array, targets: ArrayLike<number>): PrecisionRecall {
  const hits = Array.from(order, (place): number => ((targets[place] ?? 0) > 0 ? 1 : 0));
  const all = hits.reduce((sum, hit) => sum + hit, 0);
  const precision = new Float64Array(order.length);
  const recall = new Float64Array(order.length);
  let found = 0;
  for (const [rank, hit] of hits.entries()) {
    found += hit;
    precision[rank] = found / (rank + 1);
    recall[rank] = found / all;
  }
  return { precision, recall };
}

/**
 * Area under a curve from recall 0 on, its precision made monotone from the right: recall steps times
 * the best precision at that recall or a higher one.
 */
export function areaUnder({ precision, recall }: PrecisionRecall): number {
  let [sum, best] = [0, 0];
  for (let i = recall.length - 1; i >= 0; i--) {
    best = Math.max(best, precision[i] ?? 0);
    sum += best * ((recall[i] ?? 0) - (recall[i - 1] ?? 0));
  }
  return sum;
}

/**
 * Average precision without interpolation, as scikit-learn's `average_precision_score`: recall steps
 * times the precision there; equal scores are one step. 0 where nothing is present.
 * @param scores [N], the larger the more present
 * @param targets [N], above 0 for present
 */
export function stepAp(scores: ArrayLike<number>, targets: ArrayLike<number>): number {
  const all = sorted(Float64Array.from(scores));
  const present = presentScores(scores, targets);
  let sum = 0;
  for (let from = present.length; from > 0; ) {
    const score = present[from - 1] ?? 0;
    let first = from - 1;
    while (first > 0 && present[first - 1] === score) first--;
    const found = present.length - first;
    sum += ((from - first) * found) / (all.length - below(all, score));
    from = first;
  }
  return present.length === 0 ? 0 : sum / present.length;
}

/**
 * Area under the precision-recall curve whose precision is made monotone from the right, as VOC since
 * 2010 (docs/reference/benchmarks.md, section 2.4). Equal scores keep the order of `ranking`. NaN where
 * nothing is present.
 */
export function areaAp(scores: ArrayLike<number>, targets: ArrayLike<number>): number {
  const ranks = presentRanks(scores, targets);
  let [sum, best] = [0, 0];
  for (let found = ranks.length; found > 0; found--) {
    best = Math.max(best, found / (ranks[found - 1] ?? 1));
    sum += best;
  }
  return sum / ranks.length;
}

/**
 * The rule of VOC2007: the mean, over recalls 0, 0.1, …, 1, of the best precision at that recall or a
 * higher one. A recall counts as reached by whole numbers, so 3 of 10 is 0.3. NaN where nothing is
 * present.
 */
export function elevenPointAp(scores: ArrayLike<number>, targets: ArrayLike<number>): number {
  const ranks = presentRanks(scores, targets);
  if (ranks.length === 0) return Number.NaN;
  const reached = new Float64Array(11);
  for (const [i, rank] of ranks.entries()) {
    const tenths = Math.floor((10 * (i + 1)) / ranks.length);
    for (let t = 0; t <= tenths; t++) reached[t] = Math.max(reached[t] ?? 0, (i + 1) / rank);
  }
  return reached.reduce((sum, precision) => sum + precision, 0) / 11;
}

/** Ranks, from 1, of what is present, ascending. */
function presentRanks(scores: ArrayLike<number>, targets: ArrayLike<number>): Float64Array {
  const all = sorted(Float64Array.from(scores));
  if (all.some((score, i) => i > 0 && score === all[i - 1])) {
    const ranks = Array.from(ranking(scores), (place, i) =>
      (targets[place] ?? 0) > 0 ? i + 1 : 0,
    );
    return Float64Array.from(ranks.filter((rank) => rank > 0));
  }
  // Without equal scores a rank is found by halving, which is much faster than to sort places.
  const present = presentScores(scores, targets);
  return present.map((score) => all.length - below(all, score)).reverse();
}

function presentScores(scores: ArrayLike<number>, targets: ArrayLike<number>): Float64Array {
  const found: number[] = [];
  for (let i = 0; i < scores.length; i++) if ((targets[i] ?? 0) > 0) found.push(scores[i] ?? 0);
  return sorted(Float64Array.from(found));
}

/** In place, ascending; -0 becomes 0, which a sort would tell apart. */
function sorted(values: Float64Array): Float64Array {
  for (const [i, value] of values.entries()) {
    if (Number.isNaN(value)) throw new Error(`average precision: score ${i} is NaN`);
    values[i] = value + 0;
  }
  return values.sort();
}

/** How many of ascending values are below one. */
function below(ascending: Float64Array, value: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
