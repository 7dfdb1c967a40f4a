import type { Part } from '../cluster/replicas.ts';
import { recompute } from '../engine/graph/recompute.ts';
import { crossing, inTurn } from '../engine/graph/turns.ts';
import { activeGraph, type Tensor, unwrap } from '../engine/tf.ts';

/** A replica whose ops are known to be its, also those of their gradients. */
export function ownPart<T extends object>(replica: number, begin: () => Part<T>): Part<T> {
  const graph = activeGraph();
  const part = graph.inPart(replica, begin);
  if (!('next' in part)) return part;
  return (function* () {
    let answer: unknown;
    for (;;) {
      const step = graph.inPart(replica, () => part.next(answer));
      if (step.done) return step.value;
      answer = yield step.value;
    }
  })();
}

/**
 * Lets the replicas of this process run one after another, each up to its last gradient, so that the memory of a step
 * is about that of one. Where gradients of one need those of others (losses over all images, synchronised batch
 * norm), none can be finished before the next begins: there most of what the way back needs is made again when it
 * is needed. The same bits.
 * @param gradients of each replica
 */
export function oneByOne(gradients: readonly (readonly Tensor[])[]): void {
  if (gradients.length < 2) return;
  const graph = activeGraph();
  const outputs = gradients.map((of) => of.map(unwrap));
  const meet = crossing(graph, outputs) !== undefined;
  inTurn(graph, outputs, meet ? recompute(graph, outputs) : undefined);
}
