import type { Output } from '../engine/native/capi.ts';
import type { Meeting } from '../engine/ops/normalization.ts';
import { activeGraph, type Tensor, tf, unwrap, wrap } from '../engine/tf.ts';
import { treeSum } from './replicas.ts';

interface Part {
  readonly replica: number;
  readonly value: Output;
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
  private readonly replicas: number;
  private readonly counts: readonly number[];
  private readonly met = new Map<string, Part[]>();
  /** By place: values that a sample of a batch has there. */
  private readonly each = new Map<string, number>();

  /**
   * @param counts samples of each replica's batch, those of other processes too, or numbers in their
   * proportion; all alike where it is left out
   */
  constructor(replicas: number, counts: readonly number[] = new Array(replicas).fill(1)) {
    if (counts.length !== replicas || counts.some((count) => !(count > 0)))
      throw new Error(`meetings: ${replicas} replicas with batches of [${counts}]`);
    this.replicas = replicas;
    this.counts = counts;
  }

  /**
   * One replica's side of a layer.
   * @param place names the layer and its call, alike in all replicas
   */
  at(place: string, replica: number): Meeting {
    return {
      total: (phase, value) => this.total(`${place} ${phase}`, replica, value),
      scaled: (value, own, factor) =>
        tf.mul(value, tf.scalar(factor(this.allOf(place, replica, own)))),
    };
  }

  /** @param place names the layer, its call and phase, alike in all replicas */
  total(place: string, replica: number, value: Tensor): Tensor {
    if (this.replicas === 1) return value;
    const graph = activeGraph();
    const empty = graph.placeholder('float32', value.shape);
    const hole = { oper: graph.add('Identity', [empty], {}).oper, index: 0 };
    const parts = this.met.get(place) ?? [];
    parts.push({ replica, value: unwrap(value), hole });
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

  /**
   * Fills every hole with the sum of its place, by the fixed tree over replicas.
   * @throws when a replica did not come to a place where others did.
   */
  close(): void {
    for (const [place, parts] of this.met) {
      const order = [...parts].sort((a, b) => a.replica - b.replica);
      if (order.length !== this.replicas || order.some(({ replica }, r) => replica !== r))
        throw new Error(
          `replicas part: ${place} was reached by replicas [${order.map(({ replica }) => replica)}] of ${this.replicas}`,
        );
      const sum = unwrap(treeSum(order.map(({ value }) => wrap(value))));
      for (const { hole } of parts) activeGraph().fill(hole.oper, sum);
    }
    this.met.clear();
    this.each.clear();
  }
}
