import { hostArray } from '../engine/array.ts';
import type { Output, Pointer } from '../engine/native/capi.ts';
import type { Meeting } from '../engine/ops/normalization.ts';
import { activeGraph, type Tensor, tf, unwrap, wrap } from '../engine/tf.ts';
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
  readonly layout: Layout;
  private readonly replicas: number;
  private readonly met = new Map<string, Part[]>();
  private readonly guessed = new Map<string, Guess[]>();

  constructor(layout: Layout | number) {
    this.layout = typeof layout === 'number' ? alone(layout) : layout;
    this.replicas = this.layout.replicas;
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
    return this.handIn(place, { replica, value: unwrap(value) }, value.shape);
  }

  /**
   * What a replica gets back of rows that were gathered: those of its own in the sum over all replicas.
   * @param value [R n, …]
   * @param counts rows of every replica
   * @returns [n, …]
   */
  scattered(
    place: string,
    replica: number,
    value: Tensor,
    counts: readonly number[],
  ): Tensor {
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
    for (const guesses of this.guessed.values()) correct(guesses);
    this.guessed.clear();
  }
}

function fill(count: number, value: Tensor): Tensor[] {
  return Array.from({ length: count }, () => value);
}

function lost(place: string): never {
  throw new Error(`replicas: ${place} has no sum`);
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
