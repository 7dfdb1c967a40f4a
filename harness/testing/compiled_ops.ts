import { sizeOf } from '../engine/array.ts';
import type { Program } from '../engine/program.ts';
import type { CompiledNode } from '../engine/session.ts';

/**
 * Ops of a graph as it runs that take vectors and begin with an estimate of the processor's own, which makers of CPUs
 * have otherwise. TensorFlow's optimiser may put them where no line of ours did.
 */
export function estimatesIn({ graph }: Program, nodes: readonly CompiledNode[]): string[] {
  const isSingle = (name: string) => {
    const node = graph.find(name);
    return node !== undefined && sizeOf(graph.meta({ oper: node.oper, index: 0 }).shape) === 1;
  };
  return nodes
    .filter(({ type, name }) => /Reciprocal|Rsqrt|^Inv$/.test(type) && !isSingle(name))
    .map(({ name }) => name);
}
