import { breath } from '../base/breath.ts';
import { hostArray } from '../engine/array.ts';
import { op, op1 } from '../engine/op.ts';
import { Program } from '../engine/program.ts';
import { tf } from '../engine/tf.ts';
import { exp } from '../random/elementary.ts';
import { accuracy, classCount, type LabelledFeatures, largest } from './rows.ts';
import { unitRows } from './unit_rows.ts';

export interface KnnOptions {
  readonly k: number;
  readonly temperature: number;
  /** Threads of the engine; 0 for all cores. This and the next two never change a bit. */
  readonly threads?: number;
  /** Rows of the reference that are searched at a time, at most. */
  readonly bank?: number;
  /** Rows that are judged at a time. */
  readonly queries?: number;
  /** Ends the search, which throws its reason then. */
  readonly signal?: AbortSignal | undefined;
}

/** The k most similar rows of a reference for each row that is judged, best first. */
export interface Neighbours {
  readonly k: number;
  /** int32 [M, k]: places in the reference; of equally similar ones the lower place first. */
  readonly indices: Int32Array;
  /** float64 [M, k]: cosines. */
  readonly similarities: Float64Array;
}

const BANK = 16384;
const QUERIES = 256;
/** Coordinates of unit rows are rounded to multiples of 2^-26. */
const GRID = 2 ** 26;
/** Below every cosine. */
const ABSENT = -4;

/**
 * Weighted k-NN, Wu et al. 2018, arXiv:1805.01978, section 3.4: the k nearest rows by cosine vote for
 * their classes with exp(similarity / temperature).
 * @returns share of `test` that is classified right, in percent
 */
export async function knnTop1(
  train: LabelledFeatures,
  test: LabelledFeatures,
  options: KnnOptions,
): Promise<number> {
  const near = await neighbours(train, test, options);
  const classes = classCount(train.labels);
  const votes = knnVotes(near, train.labels, classes, options.temperature);
  const predictions = test.labels.map((_, row) => largest(votes, row * classes, classes));
  return accuracy(predictions, test.labels);
}

/**
 * Each class's share of the votes, float64 [M, classes]; equal shares are a tie, which goes to the
 * lower class. Plain sums in order of rank, so the bits are the same on every machine.
 */
export function knnVotes(
  { k, indices, similarities }: Neighbours,
  labels: Int32Array,
  classes: number,
  temperature: number,
): Float64Array {
  const count = indices.length / k;
  const votes = new Float64Array(count * classes);
  for (let row = 0; row < count; row++) {
    // Over the vote of the nearest: the same shares, and no overflow at small temperatures.
    const nearest = similarities[row * k] ?? 0;
    let total = 0;
    for (let rank = 0; rank < k; rank++) {
      const at = row * k + rank;
      const vote = exp(((similarities[at] ?? 0) - nearest) / temperature);
      const place = row * classes + (labels[indices[at] ?? 0] ?? 0);
      votes[place] = (votes[place] ?? 0) + vote;
      total += vote;
    }
    for (let c = 0; c < classes; c++)
      votes[row * classes + c] = (votes[row * classes + c] ?? 0) / total;
  }
  return votes;
}

/**
 * Exact nearest rows by cosine. Coordinates of unit rows are multiples of 2^-26, so products are
 * multiples of 2^-52 and every sum of them is below 2 (Cauchy-Schwarz): float64 holds each exactly,
 * in whatever order a kernel adds. Neither threads, batch sizes nor the machine change a bit.
 * Rounding moves a cosine by about 1e-8, as float32 features do themselves.
 */
export async function neighbours(
  train: Pick<LabelledFeatures, 'features' | 'width'>,
  test: Pick<LabelledFeatures, 'features' | 'width'>,
  { k, threads = 0, bank = BANK, queries = QUERIES, signal }: Omit<KnnOptions, 'temperature'>,
): Promise<Neighbours> {
  const { width } = train;
  const total = train.features.length / width;
  if (k > total) throw new Error(`k-NN: ${k} neighbours of ${total} rows`);
  const pieces = Math.ceil(total / bank);
  const rows = Math.ceil(total / pieces);
  const search = new Search({ rows, width, queries, k: Math.min(k, rows), threads });
  try {
    const judged = await unitRows(test.features, width, GRID, signal);
    const best = new Best(judged.length / width, k);
    const reference = await unitRows(train.features, width, GRID, signal);
    for (let first = 0; first < total; first += rows) {
      await search.fill(reference.subarray(first * width, (first + rows) * width));
      await search.each(judged, (row, found) => best.offer(row, first, found), signal);
    }
    return { k, indices: best.indices, similarities: best.similarities };
  } finally {
    search.dispose();
  }
}

interface Found {
  readonly similarities: Float64Array;
  readonly indices: Int32Array;
}

interface SearchShape {
  readonly rows: number;
  readonly width: number;
  readonly queries: number;
  readonly k: number;
  readonly threads: number;
}

/** One piece of the reference on the engine: product and selection for many rows at once. */
class Search {
  private readonly program: Program;
  private readonly shape: SearchShape;
  private readonly absent: Float64Array;

  constructor(shape: SearchShape) {
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
  private readonly k: number;

  constructor(count: number, k: number) {
    this.k = k;
    this.indices = new Int32Array(count * k);
    this.similarities = new Float64Array(count * k).fill(ABSENT);
  }

  /** Merges two sorted lists; of equals the one from the earlier piece, whose place is lower. */
  offer(row: number, first: number, found: Found): void {
    const { k } = this;
    const similarities = this.similarities.subarray(row * k, (row + 1) * k);
    const indices = this.indices.subarray(row * k, (row + 1) * k);
    const oldSimilarities = similarities.slice();
    const oldIndices = indices.slice();
    for (let rank = 0, old = 0, fresh = 0; rank < k; rank++) {
      const held = oldSimilarities[old] ?? ABSENT;
      const offered = found.similarities[fresh] ?? ABSENT;
      const keep = held >= offered;
      similarities[rank] = keep ? held : offered;
      indices[rank] = keep ? (oldIndices[old++] ?? 0) : first + (found.indices[fresh++] ?? 0);
    }
  }
}
