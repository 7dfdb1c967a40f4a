import { breath } from '../base/breath.ts';
import type { Candidates } from './candidates.ts';
import type { ExactRows, Measure } from './similarity.ts';

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
  private readonly measure: Measure;
  private readonly width: number;
  private readonly signal: AbortSignal | undefined;
  private readonly similarities: Float64Array;
  /** How many candidates of each query are done. */
  private readonly done: Int32Array;

  constructor(group: Group, measure: Measure, width: number, signal: AbortSignal | undefined) {
    this.group = group;
    this.measure = measure;
    this.width = width;
    this.signal = signal;
    const { count, candidates } = group;
    for (let query = 0; query < count; query++) candidates.thin(query);
    this.similarities = new Float64Array(count * candidates.capacity);
    this.done = new Int32Array(count);
  }

  /** Takes the references from place `first` on; parts come in order. */
  async compare(references: ExactRows, first: number): Promise<void> {
    const { width, done, group, similarities, measure } = this;
    const { candidates, exact } = group;
    const end = first + references.length / width;
    const row = new Float64Array(width);
    let products = 0;
    for (let query = 0; query < group.count; query++) {
      if (candidates.crowded[query] === 1) continue;
      const base = query * candidates.capacity;
      const count = candidates.counts[query] ?? 0;
      let at = done[query] ?? 0;
      if (at === count || (candidates.places[base + at] ?? 0) >= end) continue;
      row.set(exact.subarray(query * width, (query + 1) * width));
      for (; at < count && (candidates.places[base + at] ?? 0) < end; at++) {
        const place = (candidates.places[base + at] ?? 0) - first;
        similarities[base + at] = measure.similarity(references, place, row);
        products += width;
      }
      done[query] = at;
      if (products < STRETCH) continue;
      products = 0;
      await breath(this.signal);
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
