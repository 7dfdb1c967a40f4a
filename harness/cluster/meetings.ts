import { hostArray } from '../engine/array.ts';
import type { Output, Pointer } from '../engine/native/capi.ts';
import type { Meeting } from '../engine/ops/normalization.ts';
import { activeGraph, type Tensor, tf, unwrap, wrap } from '../engine/tf.ts';
import { treeSum } from './replicas.ts';

interface Part {
  readonly replica: number;
  readonly value: Output;
  /** What the replica goes on with until the sum is known; then its input becomes the sum. */
  readonly hole: Output;
}

/** A product with a number that was made as if all replicas had as many values as this one. */
interface Guess {
  readonly replica: number;
  readonly own: number;
  readonly product: Pointer;
  readonly factor: (count: number) => number;
}

const NUMBER = 1; // the input of a product that is the number

/**
 * Sums over replicas that layers ask for from deep inside a network, where no `yield` can reach:
 * each replica is traced to its end with a hole in place of the sum, and the holes are filled when
 * all parts are there. The layer differentiates by itself, and its gradient asks for sums in the
 * same way.
 */
export class Meetings {
  private readonly replicas: number;
  private readonly met = new Map<string, Part[]>();
  private readonly guessed = new Map<string, Guess[]>();

  constructor(replicas: number) {
    this.replicas = replicas;
  }

  /**
   * One replica's side of a layer.
   * @param place names the layer and its call, alike in all replicas
   */
  at(place: string, replica: number): Meeting {
    return {
      total: (phase, value) => this.total(`${place} ${phase}`, replica, value),
      scaled: (value, own, factor) => this.scaled(place, replica, value, own, factor),
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

  private scaled(
    place: string,
    replica: number,
    value: Tensor,
    own: number,
    factor: Guess['factor'],
  ): Tensor {
    const scaled = tf.mul(value, tf.scalar(factor(this.replicas * own)));
    const guesses = this.guessed.get(place) ?? [];
    guesses.push({ replica, own, factor, product: unwrap(scaled).oper });
    this.guessed.set(place, guesses);
    return scaled;
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
    for (const guesses of this.guessed.values()) correct(guesses);
    this.guessed.clear();
  }
}

/**
 * Gives products their true numbers where replicas have unequal counts. Where counts are equal the guess
 * was right, and the graph stays as it was traced.
 */
function correct(guesses: readonly Guess[]): void {
  const counts = new Map(guesses.map(({ replica, own }) => [replica, own]));
  if (new Set(counts.values()).size === 1) return;
  const count = [...counts.values()].reduce((sum, own) => sum + own, 0);
  for (const { product, factor } of guesses) {
    const number = hostArray('float32', [], Float32Array.of(factor(count)));
    activeGraph().fill(product, activeGraph().constant(number), NUMBER);
  }
}
