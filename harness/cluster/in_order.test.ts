import { beforeAll, describe, expect, it } from 'vitest';
import type { Node } from '../engine/graph/graph.ts';
import { inOrder } from '../engine/graph/one_at_a_time.ts';
import { startEngine } from '../engine/index.ts';
import { Program } from '../engine/program.ts';
import { type Scalar, type Tensor, tf } from '../engine/tf.ts';
import { Meetings } from './meetings.ts';
import { gather, type Replica, runReplicas } from './replicas.ts';

beforeAll(startEngine);

interface Loss {
  readonly loss: Tensor;
}

/** A sum over replicas, then a gather of what it was used for, both with gradients. */
function* replica(x: Tensor, meetings: Meetings, r: number): Replica<Loss> {
  const centred = tf.sub(x, meetings.total('norm forward', r, tf.mean(x, 0, true)));
  const all = yield* gather(centred);
  return { loss: tf.sum(tf.mul(all, tf.sum(centred))) };
}

/** The step of one of two processes, as a graph alone: nothing is run. */
function traced(rank: number, oneCollectiveAtATime: boolean): { program: Program; nodes: Node[] } {
  const layout = { replicas: 4, processes: 2, rank };
  const program = new Program({ oneCollectiveAtATime });
  program.entry('step', {
    inputs: { x: { dtype: 'float32', shape: [2, 3, 5] } },
    build: ({ inputs }) => {
      const meetings = new Meetings(layout);
      const loss = (x: Tensor) => {
        const mine = tf.unstack(x).map((one, i) => replica(one, meetings, 2 * rank + i));
        const [a, b] = runReplicas(mine, meetings).map((one) => one.loss);
        return tf.add<Scalar>(a as Tensor, b as Tensor);
      };
      const gradient = tf.grad(loss)(inputs.x as Tensor);
      meetings.close();
      return { gradient };
    },
  });
  return { program, nodes: program.graph.nodes.filter(({ type }) => type.startsWith('Coll')) };
}

// On a GPU collectives run by NCCL, which hangs where processes start two of them in another order.
describe('collectives of a step, where only one may run at a time', () => {
  it('have an order, each after those that it needs, alike in all processes', () => {
    const orders = [0, 1].map((rank) => {
      const { program, nodes } = traced(rank, false);
      const order = inOrder(program.graph, nodes).map((node) => nodes.indexOf(node));
      program.dispose();
      return order;
    });
    expect(orders[0]).toHaveLength(3); // the gather, the sum, the gradient of the gather
    expect(orders[0]).toEqual(orders[1]);
    // The sum is made when all replicas are traced, and yet the gather takes something of it.
    expect(orders[0]).not.toEqual([0, 1, 2]);
  });

  it('wait for the one before', () => {
    const { program, nodes } = traced(0, true);
    const order = inOrder(program.graph, nodes);
    const gates = order.slice(1).map((node) => {
      const [source] = program.graph.sources(node.oper);
      return source === undefined ? undefined : program.graph.maker(source);
    });
    for (const [i, gate] of gates.entries()) {
      expect(gate?.type).toBe('Identity');
      expect(program.graph.controls(gate?.oper as never)).toEqual([order[i]?.oper]);
    }
    program.dispose();
  });
});
