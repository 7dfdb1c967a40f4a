import type { Output } from '../engine/native/capi.ts';
import type { Meeting } from '../engine/ops/normalization.ts';
import { activeGraph, sizesAreFree, type Tensor, tf, unwrap, wrap } from '../engine/tf.ts';
import { scatteredSums, sumOf } from './collectives.ts';
import { alone, type Layout, ownReplicas } from './layout.ts';

interface Part {
  readonly replica: number;
  readonly value: Output;
  /** Rows of the sum that each replica gets; all of it where that is not given. */
  readonly counts?: readonly number[] | undefined;
  /** What the replica goes on with until the sum is known; then its input becomes the sum. */
  readonly hole: Output;
}

/**
 * Sums over replicas that layers ask for from deep inside a network, where no `yield` can reach:
 * each replica is traced to its end with a hole in place of the sum, and the holes are filled when
 * all parts are there. The layer differentiates by itself, and its gradient asks for sums in the
 * same way.
 */
export class Meetings {
  readonly layout: Layout;
  private readonly replicas: number;
  private readonly counts: readonly number[];
  private readonly met = new Map<string, Part[]>();
  /** By place: values that a sample of a batch has there. */
  private readonly each = new Map<string, number>();
  /** By place and replica: values of all replicas, where only the graph can tell. */
  private readonly found = new Map<string, Tensor>();

  /**
   * @param layout or how many replicas there are, all of them here
   * @param counts samples of each replica's batch, those of other processes too, or numbers in their
   * proportion; all alike where it is left out
   */
  constructor(layout: Layout | number, counts?: readonly number[]) {
    this.layout = typeof layout === 'number' ? alone(layout) : layout;
    const { replicas } = this.layout;
    this.replicas = replicas;
    this.counts = counts ?? new Array(replicas).fill(1);
    if (this.counts.length !== replicas || this.counts.some((count) => !(count > 0)))
      throw new Error(`meetings: ${replicas} replicas with batches of [${this.counts}]`);
  }

  /**
   * One replica's side of a layer.
   * @param place names the layer and its call, alike in all replicas
   */
  at(place: string, replica: number): Meeting {
    return {
      total: (phase, value) => this.total(`${place} ${phase}`, replica, value),
      scaled: (value, own, factor) =>
        tf.mul(
          value,
          sizesAreFree()
            ? factor.found(this.foundOf(place, replica, own))
            : tf.scalar(factor.known(this.allOf(place, replica, own))),
        ),
    };
  }

  /** @param place names the layer, its call and phase, alike in all replicas */
  total(place: string, replica: number, value: Tensor): Tensor {
    if (this.replicas === 1) return value;
    return this.handIn(place, { replica, value: unwrap(value) }, value.shape);
  }

  /**
   * What a replica gets back of rows that were gathered: those of its own in the sum over all replicas.
   * @param value [R n, …]
   * @param counts rows of every replica
   * @returns [n, …]
   */
  scattered(place: string, replica: number, value: Tensor, counts: readonly number[]): Tensor {
    const shape = [counts[replica] ?? 0, ...value.shape.slice(1)];
    return this.handIn(place, { replica, value: unwrap(value), counts }, shape);
  }

  private handIn(place: string, part: Omit<Part, 'hole'>, shape: readonly number[]): Tensor {
    const graph = activeGraph();
    const empty = graph.placeholder('float32', shape);
    const hole = { oper: graph.add('Identity', [empty], {}).oper, index: 0 };
    const parts = this.met.get(place) ?? [];
    parts.push({ ...part, hole });
    this.met.set(place, parts);
    return wrap(hole);
  }

  /**
   * How many values all replicas have at a place where one has `own`. A layer sees as many values of every
   * sample, so this follows from the batches; no replica has to know another's tensors.
   */
  private allOf(place: string, replica: number, own: number): number {
    const samples = this.counts.reduce((sum, count) => sum + count, 0);
    const each = own / (this.counts[replica] ?? Number.NaN);
    const first = this.each.get(place) ?? each;
    this.each.set(place, first);
    // Quotients of integers with one value round to the same number.
    if (each !== first)
      throw new Error(
        `replicas part: ${place} has ${own} values of replica ${replica}, but batches are [${this.counts}]`,
      );
    return Math.round(each * samples);
  }

  /** As `allOf` where each replica's images have sizes of their own: counted in the graph, once for each place. */
  private foundOf(place: string, replica: number, own: number): Tensor {
    const key = `${place} ${replica}`;
    const known = this.found.get(key) ?? this.total(`${place} count`, replica, tf.scalar(own));
    this.found.set(key, known);
    return known;
  }

  /**
   * Fills every hole with the sum of its place, by the fixed tree over replicas.
   * @throws when a replica did not come to a place where others did.
   */
  close(): void {
    const own = ownReplicas(this.layout);
    for (const [place, parts] of this.met) {
      const order = [...parts].sort((a, b) => a.replica - b.replica);
      if (order.length !== own.length || order.some(({ replica }, i) => replica !== own[i]))
        throw new Error(
          `replicas part: ${place} was reached by replicas [${order.map(({ replica }) => replica)}] of ${this.replicas}`,
        );
      const values = order.map(({ value }) => wrap(value));
      const counts = order[0]?.counts;
      const sums =
        counts === undefined
          ? fill(order.length, sumOf(values, this.layout))
          : scatteredSums(values, this.layout, counts);
      order.forEach(({ hole }, i) => {
        activeGraph().fill(hole.oper, unwrap(sums[i] ?? lost(place)));
      });
    }
    this.met.clear();
    this.each.clear();
    this.found.clear();
  }
}

function fill(count: number, value: Tensor): Tensor[] {
  return Array.from({ length: count }, () => value);
}

function lost(place: string): never {
  throw new Error(`replicas: ${place} has no sum`);
}
