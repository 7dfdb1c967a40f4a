/** Walker's tables: a draw takes a uniform slot k, then k with `keep[k]`, else `other[k]`. */
export interface AliasTable {
  /** Probability of staying, float32 [K]. */
  readonly keep: Float32Array;
  /** Where a draw that does not stay goes, int32 [K]. */
  readonly other: Int32Array;
}

/**
 * The alias method, Walker 1977 in the form of Vose 1991: any distribution over K outcomes by two
 * draws and two look-ups, whatever K. Slots are filled in the order of the original's
 * `AliasMethod`, so the tables are the same. Departs: weights are always divided by their sum; the
 * original does so only where the sum exceeds 1.
 * @param weights not negative, of any positive sum
 * @throws RangeError for weights that are no distribution.
 */
export function aliasTable(weights: ArrayLike<number>): AliasTable {
  const count = weights.length;
  const total = sumOf(weights);
  const mass = Float64Array.from(weights, (weight) => (count * weight) / total);
  const other = new Int32Array(count);
  const poor: number[] = [];
  const rich: number[] = [];
  const sort = (k: number) => ((mass[k] ?? 0) < 1 ? poor : rich).push(k);
  for (let k = 0; k < count; k++) sort(k);
  while (poor.length > 0 && rich.length > 0) {
    const small = poor.pop() ?? 0;
    const large = rich.pop() ?? 0;
    other[small] = large;
    mass[large] = (mass[large] ?? 0) - 1 + (mass[small] ?? 0);
    sort(large);
  }
  for (const k of [...poor, ...rich]) mass[k] = 1; // off by rounding alone
  return { keep: Float32Array.from(mass), other };
}

function sumOf(weights: ArrayLike<number>): number {
  let total = 0;
  for (let k = 0; k < weights.length; k++) {
    const weight = weights[k] ?? 0;
    if (!(weight >= 0 && weight < Number.POSITIVE_INFINITY))
      throw new RangeError(`aliasTable: weight ${k} is ${weight}; expected a number from 0`);
    total += weight;
  }
  if (!(total > 0)) throw new RangeError(`aliasTable: the ${weights.length} weights add up to 0`);
  return total;
}
