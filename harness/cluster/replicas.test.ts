import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../engine/index.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import { evaluate, floats } from '../testing/evaluate.ts';
import { gather, type Part, type Replica, runReplicas } from './replicas.ts';

beforeAll(startEngine);

interface Sum {
  readonly sum: Tensor;
}

describe('replicas in lockstep', () => {
  it('may be values that are there at once', () => {
    const [a, b] = [{ n: 1 }, { n: 2 }];
    expect(runReplicas([a, b])).toEqual([a, b]);
  });

  it('have the rows of all where they gather, in order', async () => {
    function* weighed(x: Tensor) {
      const all = yield* gather(x);
      return { sum: tf.sum(tf.mul(all, tf.tensor1d([1, 10, 100, 1000]))) };
    }
    const inputs = { a: floats([2], [1, 2]), b: floats([2], [3, 4]) };
    const { first, second } = await evaluate(inputs, ({ a, b }) => {
      const [one, two] = runReplicas([weighed(a as Tensor), weighed(b as Tensor)]);
      return { first: one?.sum as Tensor, second: two?.sum as Tensor };
    });
    expect([first?.data[0], second?.data[0]]).toEqual([4321, 4321]);
  });

  it('must not part: one that has its value does not wait for the others', async () => {
    const parting = evaluate({ x: floats([1], [1]) }, ({ x }) => {
      function* meeting(): Replica<Sum> {
        return { sum: yield* gather(x as Tensor) };
      }
      const both: readonly Part<Sum>[] = [{ sum: x as Tensor }, meeting()];
      return { y: runReplicas(both)[0]?.sum as Tensor };
    });
    await expect(parting).rejects.toThrow('replica r is at [end,gather]');
  });
});
