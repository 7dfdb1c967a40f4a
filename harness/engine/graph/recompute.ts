import { itemBytes, sizeOf } from '../array.ts';
import type { Output } from '../native/capi.ts';
import { dtypeOf } from '../native/native.ts';
import { chosenCuts } from './cuts.ts';
import { flowTo, type Item } from './flow.ts';
import type { Graph, Node } from './graph.ts';

/** A value below this share of the largest one is small: keeping it costs next to nothing. */
const SHARE = 256;

/**
 * Lets gradients take values that are made again, when they are needed, in place of those that the way there left
 * behind (Chen et al. 2016, arXiv:1604.06174; for losses over all replicas Gao et al. 2021, arXiv:2101.06983). For
 * parts that meet on the way back, where no order would let one be finished before the next begins: what they keep
 * then is little. Every op is repeated with the same inputs, and what a norm says beside its values is taken from the
 * first time (`beside`), so no bit changes.
 *
 * Kept are small values, what several parts share, what parts exchange, and where each part's own values come down to a
 * single one those of them that cost the least memory (`chosenCuts`).
 * @param outputs of each part
 * @returns the nodes that repeat others
 */
export function recompute(graph: Graph, outputs: readonly (readonly Output[])[]): Set<Node> {
  if (graph.explored) return new Set();
  const items = [...flowTo(graph, outputs.flat()).values()];
  const bytes = new Map(items.map((item) => [item, bytesOf(graph, item)]));
  const small = Math.max(...bytes.values()) / SHARE;
  const exchanged = new Set(
    items.flatMap(({ part, gradient, inputs }) =>
      part === undefined && !gradient ? inputs.map(({ item }) => item) : [],
    ),
  );
  const large = (item: Item) =>
    item.part !== undefined &&
    !item.gradient &&
    (bytes.get(item) ?? 0) > small &&
    !exchanged.has(item) &&
    !/^(Placeholder|Resource|Collective)/.test(item.node.type);
  const levels = levelsOf(items);
  const used = usedAt(items, levels);
  const taken = neededBy(items, large);
  const made = new Map(graph.nodes.map((node, place) => [node, place] as const));
  const place = ({ node }: Item) => made.get(node) ?? 0;
  const kept = new Set<Item>();
  const takers = takersOf(items);
  const joined = joinedTo(takers);
  const parts = new Set(items.flatMap(({ part }) => (part === undefined ? [] : [part])));
  for (const part of parts) {
    // As they were traced: one view after another, where gradients ask for a bit of each.
    const own = items
      .filter((item) => item.part === part && !item.gradient)
      .sort((a, b) => place(a) - place(b));
    const weights = own.map((item) => (taken.has(item) ? (bytes.get(item) ?? 0) : 0));
    for (const cut of chosenCuts(own, weights, used, parts.size)) kept.add(lastOf(cut, joined));
  }
  // A copy for a gradient would leave the first one with its convolution alone, and TensorFlow would join those two.
  const apart = (item: Item) => isPad(item) && (takers.get(item)?.length ?? 0) > 1;
  return repeatAll(graph, items, (item) => large(item) && !kept.has(item) && !apart(item));
}

/** Of an op's first output. TensorFlow knows no shape of what XLA makes; it is that of its first input. */
function bytesOf(graph: Graph, { node }: Item): number {
  const [first] = graph.sources(node.oper);
  const like = node.parts === undefined ? undefined : first;
  const { shape, type } = graph.meta(like ?? { oper: node.oper, index: 0 });
  return sizeOf(shape.map((length) => Math.max(0, length))) * itemBytes(dtypeOf(type));
}

/** What TensorFlow makes one op of with the only taker of its values, which then may have one more. */
function joins(item: Item, { node: { type } }: Item): boolean {
  if (isNorm(item)) return type === 'Relu';
  if (isPad(item)) return type === 'Conv2D';
  if (/^(Conv2D|MatMul)$/.test(item.node.type)) return type === 'BiasAdd';
  return item.node.type === 'BiasAdd' && /^(Relu|Add|AddV2)$/.test(type);
}

function lastOf(item: Item, joined: ReadonlyMap<Item, Item>): Item {
  const next = joined.get(item);
  return next === undefined ? item : lastOf(next, joined);
}

function takersOf(items: readonly Item[]): ReadonlyMap<Item, readonly Item[]> {
  const takers = new Map<Item, Item[]>();
  for (const item of items)
    for (const input of item.inputs) {
      if (beside(input)) continue;
      const known = takers.get(input.item);
      if (known === undefined) takers.set(input.item, [item]);
      else known.push(item);
    }
  return takers;
}

/**
 * The ReLU of each norm, the convolution of each padded input, and what adds a bias to a product and goes on with it, where
 * nothing else takes the values between. TensorFlow makes one op of such two, which adds up otherwise than they do one
 * after the other; a second taker of the values between would part them, so the later one's are kept in their place.
 */
function joinedTo(takers: ReadonlyMap<Item, readonly Item[]>): ReadonlyMap<Item, Item> {
  return new Map(
    [...takers].flatMap(([item, [first, ...others]]) =>
      first !== undefined && others.length === 0 && joins(item, first)
        ? [[item, first] as const]
        : [],
    ),
  );
}

/** How often parts have met on the way back before an op of a gradient. */
function levelsOf(items: readonly Item[]): Map<Item, number> {
  const levels = new Map<Item, number>();
  for (const item of items) {
    if (!item.gradient) continue;
    const before = item.inputs.map(({ item: input }) => {
      const met = item.part !== undefined && input.part === undefined && input.gradient;
      return (levels.get(input) ?? 0) + (met ? 1 : 0);
    });
    levels.set(item, Math.max(0, ...before));
  }
  return levels;
}

/** The levels at which gradients take an item, the first and the last. */
function usedAt(items: readonly Item[], levels: ReadonlyMap<Item, number>) {
  const used = new Map<Item, readonly [number, number]>();
  for (const item of items) {
    const level = levels.get(item);
    if (level === undefined) continue;
    for (const { item: source } of item.inputs.filter((input) => !beside(input))) {
      if (source.gradient) continue;
      const [first, last] = used.get(source) ?? [level, level];
      used.set(source, [Math.min(first, level), Math.max(last, level)]);
    }
  }
  return used;
}

/** What gradients take of the items that are asked for, and what it takes to make these. */
function neededBy(items: readonly Item[], among: (item: Item) => boolean): Set<Item> {
  const needed = new Set<Item>();
  for (const item of [...items].reverse())
    if (item.gradient || needed.has(item))
      for (const input of item.inputs)
        if (among(input.item) && !beside(input)) needed.add(input.item);
  return needed;
}

/**
 * Whether what is taken are statistics of a norm. They are small, and would have other bits where a norm is repeated
 * without its ReLU (`joinedTo`).
 */
function beside({ source, item }: Item['inputs'][number]): boolean {
  return isNorm(item) && source.index > 0;
}

function isPad({ node }: Item): boolean {
  return /^Pad(V2)?$/.test(node.type);
}

function isNorm({ node }: Item): boolean {
  return node.type.startsWith('FusedBatchNorm') && !node.type.includes('Grad');
}

/** Gradients take repeated items where these may be; and so do they from one another. */
function repeatAll(
  graph: Graph,
  items: readonly Item[],
  repeats: (item: Item) => boolean,
): Set<Node> {
  const needed = neededBy(items, repeats);
  const copies = new Map<Item, Node>();
  for (const item of items) {
    const moved = item.inputs.flatMap((input) => {
      const copy = beside(input) ? undefined : copies.get(input.item);
      return copy === undefined
        ? []
        : [{ index: input.index, output: { oper: copy.oper, index: input.source.index } }];
    });
    if (needed.has(item)) {
      const inputs = graph.sources(item.node.oper);
      for (const { index, output } of moved) inputs[index] = output;
      copies.set(item, graph.repeat({ ...item.node, part: item.part }, inputs));
    } else if (item.gradient)
      for (const { index, output } of moved) graph.fill(item.node.oper, output, index);
  }
  return new Set(copies.values());
}
