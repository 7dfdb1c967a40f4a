import type { Output } from '../engine/native/capi.ts';
import { activeGraph, type Tensor, unwrap, wrap } from '../engine/tf.ts';
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
  private readonly met = new Map<string, Part[]>();

  constructor(replicas: number) {
    this.replicas = replicas;
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
  }
}
