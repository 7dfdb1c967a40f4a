import { breath } from '../base/breath.ts';
import type { Candidates } from './candidates.ts';
import type { ExactRows, Store } from './similarity.ts';

/** The k most similar rows of a reference for each row that is judged, best first. */
export interface Neighbours {
  readonly k: number;
  /** int32 [M, k]: places in the reference; of equally similar ones the lower place first. */
  readonly indices: Int32Array;
  /** float64 [M, k]: cosines, products, or distances with a minus. */
  readonly similarities: Float64Array;
}

/** Queries that are searched for together. */
export interface Group {
  readonly first: number;
  readonly count: number;
  readonly exact: ExactRows;
  /** For the engine. */
  readonly screened: Float32Array;
  readonly candidates: Candidates;
}

const STRETCH = 2 ** 22; // products between two breaths

/** Compares each query of a group with its candidates, one by one. */
export class SecondLook {
  private readonly group: Group;
  private readonly width: number;
  private readonly comparable: boolean;
  private readonly signal: AbortSignal | undefined;
  private readonly similarities: Float64Array;
  /** How many candidates of each query are done. */
  private readonly done: Int32Array;

  constructor(group: Group, width: number, comparable: boolean, signal: AbortSignal | undefined) {
    this.comparable = comparable;
    this.group = group;
    this.width = width;
    this.signal = signal;
    const { count, candidates } = group;
    for (let query = 0; query < count; query++) candidates.thin(query);
    this.similarities = new Float64Array(count * candidates.capacity);
    this.done = new Int32Array(count);
  }

  /** Takes the `count` references of a store, of which the first has that place; in order of places. */
  async compare(store: Store, first: number, count: number): Promise<void> {
    const { width, done, group, similarities } = this;
    const { candidates, exact } = group;
    let products = 0;
    for (let query = 0; query < group.count; query++) {
      if (candidates.crowded[query] === 1) continue;
      const base = query * candidates.capacity;
      const start = base + (done[query] ?? 0);
      const most = base + (candidates.counts[query] ?? 0);
      let end = start;
      while (end < most && (candidates.places[end] ?? 0) < first + count) end++;
      if (end === start) continue;
      const row = exact.subarray(query * width, (query + 1) * width);
      const places = candidates.places.subarray(start, end);
      store.compare(row, places, first, similarities.subarray(start, end));
      if (this.comparable) this.hold(query, start, end);
      done[query] = end - base;
      products += (end - start) * width;
      if (products < STRETCH) continue;
      products = 0;
      await breath(this.signal);
    }
  }

  /** Holds scores to the truth: the bound of their error is what the search rests on. */
  private hold(query: number, start: number, end: number): void {
    const { scores, errors } = this.group.candidates;
    const error = errors[query] ?? 0;
    for (let at = start; at < end; at++) {
      const apart = Math.abs((scores[at] ?? 0) - (this.similarities[at] ?? 0));
      if (!(apart <= error))
        throw new Error(`k-NN: the engine's product is off by ${apart}, which is above ${error}`);
    }
  }

  /** Writes down the best k of each query. @returns queries that were too crowded to be compared */
  rank({ k, indices, similarities }: Neighbours): number[] {
    const { first, count, candidates } = this.group;
    const crowded: number[] = [];
    for (let query = 0; query < count; query++) {
      if (candidates.crowded[query] === 1) {
        crowded.push(first + query);
        continue;
      }
      const base = query * candidates.capacity;
      const end = base + (candidates.counts[query] ?? 0);
      const own = this.similarities.subarray(base, end);
      // Candidates stand by place, so that equal ones stay with the lower place first.
      const order = Int32Array.from(own.keys());
      order.sort((a, b) => (own[b] ?? 0) - (own[a] ?? 0) || a - b);
      for (let rank = 0; rank < k; rank++) {
        const at = order[rank] ?? 0;
        indices[(first + query) * k + rank] = candidates.places[base + at] ?? 0;
        similarities[(first + query) * k + rank] = own[at] ?? 0;
      }
    }
    return crowded;
  }
}
