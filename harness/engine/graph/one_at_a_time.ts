import type { Pointer } from '../native/capi.ts';
import { inDepth } from './flow.ts';
import type { Graph, Node } from './graph.ts';

/**
 * Lets some ops start one after another, in an order that follows from the graph alone: of those that wait for none of
 * the others any more, the one that was made first. NCCL needs that: a collective occupies the device until all processes
 * have come to it, so processes that start two of them in another order wait for each other for ever
 * (docs/reference/engine.md, "Collectives"). Inputs pass a gate that waits for the op before; no value changes.
 * @param members in the order in which they were made, alike in all processes
 */
export function oneAtATime(graph: Graph, members: readonly Node[]): void {
  const order = inOrder(graph, members);
  order.forEach((node, i) => {
    const before = order[i - 1];
    if (before !== undefined) wait(graph, node, before.oper);
  });
}

/** @returns the members, each after those that it takes something of */
export function inOrder(graph: Graph, members: readonly Node[]): Node[] {
  const places = new Map(members.map((node, i) => [node, i] as const));
  const takes = (node: Node) => sourcesOf(graph, node);
  /** The members that an op needs, a bit each. */
  const needs = new Map<Node, bigint>();
  for (const node of inDepth(members, takes)) {
    const above = takes(node).reduce((all, one) => all | reached(one, needs, places), 0n);
    needs.set(node, above);
  }
  const left = new Set(members);
  const order: Node[] = [];
  let done = 0n;
  while (left.size > 0) {
    const next = [...left].find((node) => ((needs.get(node) ?? 0n) & ~done) === 0n);
    if (next === undefined) throw new Error('engine: collectives wait for each other');
    left.delete(next);
    order.push(next);
    done |= 1n << BigInt(places.get(next) ?? 0);
  }
  return order;
}

function reached(
  node: Node,
  needs: ReadonlyMap<Node, bigint>,
  places: ReadonlyMap<Node, number>,
): bigint {
  const place = places.get(node);
  return (needs.get(node) ?? 0n) | (place === undefined ? 0n : 1n << BigInt(place));
}

function sourcesOf(graph: Graph, node: Node): Node[] {
  return graph.sources(node.oper).flatMap((source) => {
    const maker = graph.maker(source);
    return maker === undefined ? [] : [maker];
  });
}

function wait(graph: Graph, { oper }: Node, before: Pointer): void {
  const [first] = graph.sources(oper);
  if (first === undefined) return;
  const gate = graph.add('Identity', [first], {}, [before]);
  graph.fill(oper, { oper: gate.oper, index: 0 });
}
