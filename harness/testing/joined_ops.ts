import type { CompiledNode } from '../engine/session.ts';

/** Ops that TensorFlow makes one op of with those beside them, or has kernels for that add up in another order. */
const JOINED = /Conv2D|MatMul|BatchNorm|Bias|Pad|Relu/;

/**
 * In what a graph that ran is not the same computation as another one that makes some of its values twice: ops that are
 * of another kind there, or none of their own, and kinds of which there are more than twice as many. Such graphs have other
 * bits at some sizes only, where a test of values may not come.
 */
export function joinedOtherwise(
  one: readonly CompiledNode[],
  again: readonly CompiledNode[],
): string[] {
  const types = new Map(again.map(({ name, type }) => [name, type]));
  const parted = one
    .filter(({ name, type }) => JOINED.test(type) && types.get(name) !== type)
    .map(({ name, type }) => `${name}: ${type}, ${types.get(name) ?? 'gone'}`);
  const [once, twice] = [countsOf(one), countsOf(again)];
  const more = [...twice]
    .filter(([type, count]) => JOINED.test(type) && count > 2 * (once.get(type) ?? 0))
    .map(([type, count]) => `${type}: ${once.get(type) ?? 0}, ${count}`);
  return [...parted, ...more];
}

function countsOf(nodes: readonly CompiledNode[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { type } of nodes) counts.set(type, (counts.get(type) ?? 0) + 1);
  return counts;
}
