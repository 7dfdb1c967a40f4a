import { breath } from '../base/breath.ts';
import { UserError } from '../base/errors.ts';
import { Candidates, capacityFor } from './candidates.ts';
import { exhaustively } from './exhaustive.ts';
import { type KnnPlan, knnPlan, PART } from './knn_plan.ts';
import { checkFinite, eachPart, type RowSource } from './row_source.ts';
import { Screen } from './screen.ts';
import { type Group, type Neighbours, SecondLook } from './second_look.ts';
import { type Measure, measureOf, type Similarity, type Store } from './similarity.ts';

export interface SearchOptions {
  readonly k: number;
  /** Cosine if not given. */
  readonly metric?: Similarity | undefined;
  /** Threads of the engine; 0 for all cores. This and the next three never change a bit. */
  readonly threads?: number;
  /** Rows of the reference that the engine takes at a time, at most. */
  readonly bank?: number;
  /** Rows that are judged at a time. */
  readonly queries?: number;
  /** Bytes of the reference that may stay in memory. */
  readonly resident?: number;
  /** Ends the search, which throws its reason then. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Exact nearest rows. The engine's float32 products leave out all references that are farther than the
 * k-th best by more than rounding can explain, and the rest is compared on the host, bit for bit the
 * same wherever it runs. Neither threads, batch sizes nor the engine's kernels change a bit, for they
 * only decide what is compared in vain.
 * @throws UserError for k beyond the references, other widths, and values that are not finite
 */
export async function nearestRows(
  references: RowSource,
  queries: RowSource,
  options: SearchOptions,
): Promise<Neighbours> {
  const { k, metric = 'cosine', threads = 0, bank, resident, signal } = options;
  const { width } = references;
  checkSizes(references, queries, k);
  const measure = await measureOf(metric, references, signal);
  const size = { references: references.count, queries: queries.count, width, k };
  const plan = knnPlan(size, { bank, batch: options.queries, resident });
  const shape = {
    rows: plan.rows,
    width,
    queries: plan.queries,
    banks: plan.resident ? plan.pieces : 1,
    biased: metric === 'euclidean',
    threads,
  };
  const screen = new Screen(shape);
  try {
    const search = new Search({ references, queries, k, measure, plan, screen, signal });
    const { found, crowded } = await search.all();
    await exhaustively(references, queries, crowded, { metric, measure, threads, signal }, found);
    return found;
  } finally {
    await screen.close();
  }
}

function checkSizes(references: RowSource, queries: RowSource, k: number): void {
  if (!Number.isInteger(k) || k < 1)
    throw new UserError(`k-NN: k is ${k}; expected a whole number, 1 or more`);
  if (k > references.count)
    throw new UserError(
      `k-NN: k is ${k}, but there are only ${references.count} references; ` +
        'take a smaller k or more images',
    );
  if (references.width !== queries.width)
    throw new UserError(
      `k-NN: the references have ${references.width} values a row, the queries ${queries.width}`,
    );
}

interface Parts {
  readonly references: RowSource;
  readonly queries: RowSource;
  readonly k: number;
  readonly measure: Measure;
  readonly plan: KnnPlan;
  readonly screen: Screen;
  readonly signal: AbortSignal | undefined;
}

class Search {
  private readonly parts: Parts;
  private readonly found: Neighbours;
  private readonly crowded: number[] = [];
  /** References in their exact form: all, where they stay, else a part. */
  private readonly store: Store;
  /** Banks that the engine has; where references do not stay, the last one is. */
  private readonly filled = new Set<number>();

  constructor(parts: Parts) {
    const { k, queries, references, plan, measure } = parts;
    this.parts = parts;
    const held = plan.resident ? references.count : Math.ceil(PART / references.width);
    this.store = measure.store(held, capacityFor(k));
    this.found = {
      k,
      indices: new Int32Array(queries.count * k),
      similarities: new Float64Array(queries.count * k),
    };
  }

  /** One group after the other; the second look at one goes on while the engine is at the next. */
  async all(): Promise<{ readonly found: Neighbours; readonly crowded: readonly number[] }> {
    const { queries, plan } = this.parts;
    let behind: Promise<unknown> = Promise.resolve();
    for (let first = 0; first < queries.count; first += plan.group) {
      const group = await this.open(first, Math.min(plan.group, queries.count - first));
      await both(this.screenGroup(group), behind);
      behind = this.lookAgain(group);
      behind.catch(() => undefined); // thrown where it is waited for
    }
    await behind;
    return { found: this.found, crowded: this.crowded };
  }

  private async open(first: number, count: number): Promise<Group> {
    const { queries, measure, k } = this.parts;
    const rows = await queries.rows(first, count);
    checkFinite('queries', rows, queries.width, first);
    const exact = measure.exact(rows);
    const screened = measure.screened(exact);
    const errors = Float64Array.from({ length: count }, (_, q) => measure.error(screened, q));
    return { first, count, exact, screened, candidates: new Candidates(k, errors) };
  }

  /** Leaves each query the references that may be near; one run is always ahead of the host. */
  private async screenGroup({ count, screened, candidates }: Group): Promise<void> {
    const { plan, references, signal } = this.parts;
    const batches = Math.ceil(count / plan.queries);
    const start = (step: number) => {
      const run = this.run(Math.floor(step / batches), screened, step % batches);
      run.catch(() => undefined);
      return run;
    };
    let next = start(0);
    for (let step = 0; step < plan.pieces * batches; step++) {
      const scores = await next;
      if (step + 1 < plan.pieces * batches) next = start(step + 1);
      const first = Math.floor(step / batches) * plan.rows;
      const held = Math.min(plan.rows, references.count - first);
      const query = (step % batches) * plan.queries;
      for (let i = 0; i < Math.min(plan.queries, count - query); i++)
        candidates.offer(query + i, scores, i * plan.rows, held, first);
      await breath(signal);
    }
  }

  private async run(piece: number, screened: Float32Array, batch: number): Promise<Float32Array> {
    const { plan, screen, references, signal } = this.parts;
    await this.fill(piece);
    const size = plan.queries * references.width;
    const part = screened.subarray(batch * size, (batch + 1) * size);
    return screen.scores(plan.resident ? piece : 0, part, signal);
  }

  private async fill(piece: number): Promise<void> {
    const { plan, screen, references, measure } = this.parts;
    if (this.filled.has(piece)) return;
    const first = piece * plan.rows;
    const rows = await references.rows(first, Math.min(plan.rows, references.count - first));
    checkFinite('references', rows, references.width, first);
    const exact = measure.exact(rows);
    const screened = measure.screened(exact);
    await screen.fill(plan.resident ? piece : 0, screened, measure.bias(screened));
    if (plan.resident) this.store.set(exact, first);
    else this.filled.clear();
    this.filled.add(piece);
  }

  /** Compares what the screen left, and ranks it. */
  private async lookAgain(group: Group): Promise<void> {
    const { references, measure, plan, signal } = this.parts;
    const second = new SecondLook(group, references.width, measure.comparable, signal);
    if (plan.resident) await second.compare(this.store, 0, references.count);
    else
      await eachPart(references, PART, async (part, first, count) => {
        this.store.set(measure.exact(part), 0);
        await second.compare(this.store, first, count);
      });
    this.crowded.push(...second.rank(this.found));
  }
}

/** Waits for both, also where one fails; then throws that. */
async function both(one: Promise<unknown>, other: Promise<unknown>): Promise<void> {
  for (const result of await Promise.allSettled([one, other]))
    if (result.status === 'rejected') throw result.reason;
}
