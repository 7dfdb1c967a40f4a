import { UserError } from '../base/index.ts';
import type { Part } from '../cluster/replicas.ts';
import { madeAt } from '../engine/graph/origin.ts';
import { crossing, inTurn } from '../engine/graph/turns.ts';
import { activeGraph, type Tensor, unwrap } from '../engine/tf.ts';
import type { StepDefinition } from './definition.ts';

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
 * Lets the replicas of this process run one after another, each up to its last gradient, so that the
 * memory of a step is about that of one. The same bits.
 * @param gradients of each replica
 */
export function oneByOne(
  gradients: readonly (readonly Tensor[])[],
  { method, replicas }: StepDefinition,
): void {
  if (gradients.length < 2) return;
  const graph = activeGraph();
  const outputs = gradients.map((of) => of.map(unwrap));
  const met = crossing(graph, outputs);
  if (met !== undefined)
    throw new UserError(
      `--sequential: the gradients of one of the ${replicas} replicas of ${method.kind} need those of the others ` +
        `(${met.at.node.type}, which ${madeAt(met.at.node)}), so none can be finished before the next begins`,
    );
  inTurn(graph, outputs);
}
