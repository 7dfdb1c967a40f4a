import type { Output } from '../native/capi.ts';
import type { Graph, Node } from './graph.ts';

/** An op whose value depends on what a run is fed with. */
export interface Item {
  readonly node: Node;
  /** The inputs that depend on the feed too. */
  readonly inputs: readonly Link[];
  /** The replica whose it is; undefined for what several share. */
  readonly part: number | undefined;
  /** Whether it belongs to a gradient. */
  readonly gradient: boolean;
}

/** One input of an item. */
export interface Link {
  /** Which one of the op's inputs. */
  readonly index: number;
  readonly source: Output;
  readonly item: Item;
}

/**
 * What has to be computed for some outputs, as the graph is now, holes filled. Left out is what depends
 * on state and constants alone: it is computed once and shared, and is as small as the state.
 * @returns the items by their nodes, each after all that it takes
 */
export function flowTo(graph: Graph, outputs: Iterable<Output>): Map<Node, Item> {
  const sources = new Map<Node, readonly { readonly source: Output; readonly from: Node }[]>();
  const takes = (node: Node) => {
    const known = sources.get(node);
    if (known !== undefined) return known;
    const found = graph
      .sources(node.oper)
      .map((source) => ({ source, from: makerOf(graph, source) }));
    sources.set(node, found);
    return found;
  };
  const roots = Array.from(outputs, (output) => makerOf(graph, output));
  const items = new Map<Node, Item>();
  for (const node of inDepth(roots, (one) => takes(one).map(({ from }) => from))) {
    const inputs = takes(node).flatMap(({ source, from }, index) => {
      const item = items.get(from);
      return item === undefined ? [] : [{ index, source, item }];
    });
    if (inputs.length > 0 || node.type === 'Placeholder') items.set(node, itemOf(node, inputs));
  }
  return items;
}

/** tfjs adds up gradients outside of any part: a sum of one replica's values is its own. */
function itemOf(node: Node, inputs: readonly Link[]): Item {
  if (node.part !== undefined) return { node, inputs, part: node.part, gradient: node.gradient };
  const parts = new Set(inputs.map(({ item }) => item.part));
  const [part] = parts.size === 1 ? parts : [];
  return {
    node,
    inputs,
    part,
    gradient: node.gradient || inputs.some(({ item }) => item.gradient),
  };
}

function makerOf(graph: Graph, output: Output): Node {
  const node = graph.maker(output);
  if (node === undefined) throw new Error('engine: an op of another graph');
  return node;
}

/** Everything that can be reached, each after what it leads to; children are looked at in their order. */
export function inDepth<T>(roots: Iterable<T>, children: (one: T) => readonly T[]): T[] {
  const order: T[] = [];
  const seen = new Set<T>();
  const stack: { readonly one: T; readonly below: readonly T[]; next: number }[] = [];
  const enter = (one: T) => {
    if (seen.has(one)) return;
    seen.add(one);
    stack.push({ one, below: children(one), next: 0 });
  };
  for (const root of roots) {
    enter(root);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const child = top.below[top.next++];
      if (child !== undefined) enter(child);
      else {
        order.push(top.one);
        stack.pop();
      }
    }
  }
  return order;
}
