/**
 * Of each query the references that may be among its k nearest: those whose score, which is off by at
 * most `error`, is within twice that of the k-th best. They stand in the order in which they came.
 */
export class Candidates {
  readonly capacity: number;
  /** int32 [queries]: how many each has. */
  readonly counts: Int32Array;
  /** int32 [queries, capacity]. */
  readonly places: Int32Array;
  /** float32 [queries, capacity]. */
  readonly scores: Float32Array;
  /** uint8 [queries]: 1 for a query with more candidates than there is room for. */
  readonly crowded: Uint8Array;
  private readonly k: number;
  /** float64 [queries]. */
  readonly errors: Float64Array;
  private readonly floors: Float64Array;
  private readonly scratch: Float32Array;

  /** @param errors float64 [queries] */
  constructor(k: number, errors: Float64Array) {
    const count = errors.length;
    this.k = k;
    this.errors = errors;
    this.capacity = capacityFor(k);
    this.counts = new Int32Array(count);
    this.places = new Int32Array(count * this.capacity);
    this.scores = new Float32Array(count * this.capacity);
    this.crowded = new Uint8Array(count);
    this.floors = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
    this.scratch = new Float32Array(this.capacity);
  }

  /** Looks through the scores of references `first`, `first + 1`, …: `count` of them, from `start`. */
  offer(query: number, scores: Float32Array, start: number, count: number, first: number): void {
    if (this.crowded[query] === 1) return;
    const base = query * this.capacity;
    let held = this.counts[query] ?? 0;
    let floor = this.floors[query] ?? 0;
    for (let i = 0; i < count; i++) {
      const score = scores[start + i] as number;
      if (!(score >= floor)) continue;
      this.scores[base + held] = score;
      this.places[base + held] = first + i;
      if (++held < this.capacity) continue;
      this.counts[query] = held;
      held = this.thin(query);
      floor = this.floors[query] ?? 0;
      if (held <= (3 * this.capacity) / 4) continue;
      this.crowded[query] = 1;
      break;
    }
    this.counts[query] = held;
  }

  /** Leaves out what the k-th best has left behind. @returns how many stay */
  thin(query: number): number {
    const base = query * this.capacity;
    const held = this.counts[query] ?? 0;
    if (held < this.k) return held;
    this.scratch.set(this.scores.subarray(base, base + held));
    const worst = nthLargest(this.scratch, held, this.k - 1);
    const floor = worst - 2 * (this.errors[query] ?? 0);
    let kept = 0;
    for (let i = base; i < base + held; i++) {
      const score = this.scores[i] ?? 0;
      if (!(score >= floor)) continue;
      this.scores[base + kept] = score;
      this.places[base + kept++] = this.places[i] ?? 0;
    }
    this.floors[query] = floor;
    this.counts[query] = kept;
    return kept;
  }
}

/** Candidates that a query has room for. */
export function capacityFor(k: number): number {
  return 2 * k + 512;
}

/** The value that is n-th of the first `count`, best first, from 0; reorders them (Hoare 1961). */
export function nthLargest(values: Float32Array, count: number, n: number): number {
  let [low, high] = [0, count - 1];
  while (low < high) {
    const pivot = values[(low + high) >> 1] ?? 0;
    let [i, j] = [low, high];
    while (i <= j) {
      while ((values[i] ?? 0) > pivot) i++;
      while ((values[j] ?? 0) < pivot) j--;
      if (i > j) break;
      const held = values[i] ?? 0;
      values[i++] = values[j] ?? 0;
      values[j--] = held;
    }
    if (n <= j) high = j;
    else if (n >= i) low = i;
    else break;
  }
  return values[n] ?? Number.NaN;
}
