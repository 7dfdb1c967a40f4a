import { breath } from '../base/breath.ts';
import { hostArray } from '../engine/array.ts';
import { op, op1 } from '../engine/op.ts';
import { Program } from '../engine/program.ts';
import { tf } from '../engine/tf.ts';
import { eachPart, type RowSource } from './row_source.ts';
import type { Neighbours } from './second_look.ts';
import { GRID, type Measure, type Similarity } from './similarity.ts';
import { unitRows } from './unit_rows.ts';

const BANK = 8192;
const QUERIES = 256;
const STRETCH = 2 ** 22; // numbers of a reference that are compared between two breaths
/** Below every cosine. */
const ABSENT = -4;

interface Way {
  readonly metric: Similarity;
  readonly measure: Measure;
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * The nearest rows of queries that nearly everything is equally near to, such as those of features that
 * have collapsed: every reference is compared. Slower, and the same bits as by the way with a screen.
 * @param which places of the queries
 * @param found takes their neighbours
 */
export async function exhaustively(
  references: RowSource,
  queries: RowSource,
  which: readonly number[],
  way: Way,
  found: Neighbours,
): Promise<void> {
  if (which.length === 0) return;
  const { width } = queries;
  const judged = new Float32Array(which.length * width);
  for (const [i, place] of which.entries()) judged.set(await queries.rows(place, 1), i * width);
  const best = new Best(which.length, found.k);
  if (way.metric === 'cosine') await byEngine(references, judged, way, best);
  else await oneByOne(references, judged, way, best);
  for (const [i, place] of which.entries()) {
    found.indices.set(best.indices.subarray(i * found.k, (i + 1) * found.k), place * found.k);
    const own = best.similarities.subarray(i * found.k, (i + 1) * found.k);
    found.similarities.set(own, place * found.k);
  }
}

/** In float64, which holds sums of products of unit rows on the grid exactly. */
async function byEngine(
  references: RowSource,
  judged: Float32Array,
  { threads, signal }: Way,
  best: Best,
): Promise<void> {
  const { count, width } = references;
  const rows = Math.min(BANK, count);
  const bank = new Bank({ rows, width, queries: QUERIES, k: Math.min(best.k, rows), threads });
  try {
    const units = await unitRows(judged, width, GRID, signal);
    for (let first = 0; first < count; first += rows) {
      const part = await references.rows(first, Math.min(rows, count - first));
      await bank.fill(await unitRows(part, width, GRID, signal));
      await bank.each(units, (row, offered) => best.offer(row, first, offered), signal);
    }
  } finally {
    bank.dispose();
  }
}

/** All similarities of a part with each query, sorted: of those that come no nearer none is kept. */
async function oneByOne(
  references: RowSource,
  judged: Float32Array,
  { measure, signal }: Way,
  best: Best,
): Promise<void> {
  const { width } = references;
  const queries = measure.exact(judged);
  const most = Math.max(1, Math.floor(STRETCH / width));
  const store = measure.store(most, most);
  await eachPart(references, most * width, async (part, first, count) => {
    store.set(measure.exact(part), 0);
    const places = Int32Array.from({ length: count }, (_, i) => i);
    const all = new Float64Array(count);
    for (let query = 0; query < queries.length / width; query++) {
      await breath(signal);
      store.compare(queries.subarray(query * width, (query + 1) * width), places, 0, all);
      const order = places.slice();
      order.sort((a, b) => (all[b] ?? 0) - (all[a] ?? 0) || a - b);
      const indices = order.subarray(0, best.k);
      const similarities = Float64Array.from(indices, (i) => all[i] ?? 0);
      best.offer(query, first, { similarities, indices });
    }
  });
}

interface Found {
  readonly similarities: Float64Array;
  readonly indices: Int32Array;
}

interface BankShape {
  readonly rows: number;
  readonly width: number;
  readonly queries: number;
  readonly k: number;
  readonly threads: number;
}

/** One piece of the reference on the engine: product and selection for many rows at once. */
class Bank {
  private readonly program: Program;
  private readonly shape: BankShape;
  private readonly absent: Float64Array;

  constructor(shape: BankShape) {
    const { rows, width, queries, k, threads } = shape;
    this.shape = shape;
    this.absent = new Float64Array(rows);
    this.program = new Program({ intraThreads: threads });
    this.program.state('bank', { dtype: 'float64', shape: [rows, width] });
    this.program.entry('search', {
      inputs: {
        judged: { dtype: 'float64', shape: [queries, width] },
        absent: { dtype: 'float64', shape: [rows] },
      },
      build: (io) => {
        const { judged, absent } = io.inputs;
        if (judged === undefined || absent === undefined) throw new Error('k-NN: no input');
        const cosines = op1('MatMul', [judged, io.read('bank')], { transpose_b: true });
        const ranked = op1('AddV2', [cosines, absent]);
        const [values, indices] = op('TopKV2', [ranked, tf.scalar(k, 'int32')], {}, 2);
        if (values === undefined || indices === undefined) throw new Error('k-NN: no output');
        return { values, indices };
      },
    });
  }

  /** Takes a piece of the reference; one that is short is filled up with rows that are never near. */
  async fill(piece: Float64Array): Promise<void> {
    const { rows, width } = this.shape;
    const bank = new Float64Array(rows * width);
    bank.set(piece);
    this.absent.fill(0).fill(ABSENT, piece.length / width);
    await this.program.writeState('bank', hostArray('float64', [rows, width], bank));
  }

  /** Calls back with the nearest of this piece for each row. */
  async each(
    judged: Float64Array,
    take: (row: number, found: Found) => void,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { width, queries, k } = this.shape;
    const total = judged.length / width;
    for (let first = 0; first < total; first += queries) {
      await breath(signal);
      const rows = new Float64Array(queries * width);
      rows.set(judged.subarray(first * width, (first + queries) * width));
      const inputs = { judged: rows, absent: this.absent };
      const { values, indices } = await this.program.runUnlessStopped(signal, 'search', inputs);
      if (!(values?.data instanceof Float64Array && indices?.data instanceof Int32Array))
        throw new Error('k-NN: float64 and int32 expected');
      for (let row = 0; row < Math.min(queries, total - first); row++)
        take(first + row, {
          similarities: values.data.subarray(row * k, (row + 1) * k),
          indices: indices.data.subarray(row * k, (row + 1) * k),
        });
    }
  }

  dispose(): void {
    this.program.dispose();
  }
}

/** The best of all pieces so far. */
class Best {
  readonly indices: Int32Array;
  readonly similarities: Float64Array;
  readonly k: number;

  constructor(count: number, k: number) {
    this.k = k;
    this.indices = new Int32Array(count * k);
    this.similarities = new Float64Array(count * k).fill(Number.NEGATIVE_INFINITY);
  }

  /** Merges two sorted lists; of equals the one from the earlier piece, whose place is lower. */
  offer(row: number, first: number, found: Found): void {
    const { k } = this;
    const similarities = this.similarities.subarray(row * k, (row + 1) * k);
    const indices = this.indices.subarray(row * k, (row + 1) * k);
    const oldSimilarities = similarities.slice();
    const oldIndices = indices.slice();
    for (let rank = 0, old = 0, fresh = 0; rank < k; rank++) {
      const held = oldSimilarities[old] ?? Number.NEGATIVE_INFINITY;
      const offered = found.similarities[fresh] ?? Number.NEGATIVE_INFINITY;
      const keep = held >= offered;
      similarities[rank] = keep ? held : offered;
      indices[rank] = keep ? (oldIndices[old++] ?? 0) : first + (found.indices[fresh++] ?? 0);
    }
  }
}
