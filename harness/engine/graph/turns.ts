import type { Output, Pointer } from '../native/capi.ts';
import { flowTo, type Item, inDepth } from './flow.ts';
import type { Graph, Node } from './graph.ts';

/** Where what one part computes backwards depends on what another one does. */
export interface Crossing {
  readonly parts: readonly [number, number];
  /** The op in which they meet. */
  readonly at: Item;
}

/**
 * Lets the parts of a computation run one after another, so that only one of them holds what it keeps for
 * its gradient. TensorFlow starts whatever has its inputs; here the ops are put into the order in which
 * they are asked for, first by the outputs of the first part, then of the second, and where that order
 * goes from one part to another, what comes waits by control edges for what went before. All edges point
 * along one order in which every op comes after its inputs, so they can make no cycle. No op is another
 * one than before, nor are its inputs, so no bit changes.
 * @param outputs of each part, in the order in which parts run
 * @param repeated nodes that make again what others made before: a stretch of them waits as another part would
 */
export function inTurn(
  graph: Graph,
  outputs: readonly (readonly Output[])[],
  repeated: ReadonlySet<Node> = new Set(),
): void {
  if (graph.explored) return;
  const items = flowTo(graph, outputs.flat());
  const roots = (repeated.size > 0 ? asMade(graph, outputs) : outputs.flat()).flatMap((output) => {
    const node = graph.maker(output);
    const item = node === undefined ? undefined : items.get(node);
    return item === undefined ? [] : [item];
  });
  const order = inDepth(roots, gradientsFirst).filter(({ node }) => node.type !== 'Placeholder');
  let before: readonly Item[] = [];
  for (const run of runsOf(order, repeated)) {
    if (before.length > 0) wait(graph, run, before);
    before = run;
  }
}

/**
 * The first gradient that was made of each part, then the second: those of the last layers come first, so what they take
 * is let go before the way back goes on to the layers below. Asked for the other way round, gradients of filters would
 * wait, and with them all that they take, until the way back has reached the first layer.
 */
function asMade(graph: Graph, outputs: readonly (readonly Output[])[]): Output[] {
  const made = new Map(graph.nodes.map(({ oper }, place) => [oper, place] as const));
  const place = ({ oper }: Output) => made.get(oper) ?? 0;
  const sorted = outputs.map((of) => [...of].sort((a, b) => place(a) - place(b)));
  const longest = Math.max(0, ...sorted.map((of) => of.length));
  return Array.from({ length: longest }, (_, i) =>
    sorted.flatMap((of) => of.slice(i, i + 1)),
  ).flat();
}

/** What a gradient op takes of the way back comes first: what it takes of the way there is held the shorter. */
function gradientsFirst({ inputs }: Item): Item[] {
  const items = inputs.map(({ item }) => item);
  return [...items.filter(({ gradient }) => gradient), ...items.filter((one) => !one.gradient)];
}

/** Stretches of one part each; what several share goes with what stands before it. */
function runsOf(order: readonly Item[], repeated: ReadonlySet<Node>): Item[][] {
  const runs: Item[][] = [];
  let current: string | undefined;
  for (const item of order) {
    const { part, node } = item;
    const key = part === undefined ? current : `${part} ${repeated.has(node)}`;
    const run = runs.at(-1);
    if (run === undefined || (current !== undefined && key !== current)) runs.push([item]);
    else run.push(item);
    current = key;
  }
  return runs;
}

/** Ops of a run that start from outside get their inputs when all that the run before it ends in is there. */
function wait(graph: Graph, run: readonly Item[], before: readonly Item[]): void {
  const used = new Set(before.flatMap(({ inputs }) => inputs.map(({ item }) => item)));
  const ends = before.filter((item) => !used.has(item)).map(({ node }) => node.oper);
  const over = graph.add('NoOp', [], {}, ends).oper;
  const inside = new Set(run);
  const gates = new Map<string, Pointer>();
  for (const { node, inputs } of run) {
    if (inputs.some(({ item }) => inside.has(item))) continue;
    for (const { index, source } of inputs) {
      const key = `${source.oper}:${source.index}`;
      const gate = gates.get(key) ?? graph.add('Identity', [source], {}, [over]).oper;
      gates.set(key, gate);
      graph.fill(node.oper, { oper: gate, index: 0 }, index);
    }
  }
}

/**
 * Where the gradient of the first part takes something of another one's gradient: then all parts have to be
 * there at once, whatever the order. Undefined where each is on its own on the way back.
 */
export function crossing(
  graph: Graph,
  outputs: readonly (readonly Output[])[],
): Crossing | undefined {
  for (const own of outputs) {
    const items = [...flowTo(graph, own).values()];
    const parts = new Map<Item, ReadonlySet<number>>();
    for (const item of items) {
      const { part, gradient } = item;
      if (!gradient) continue;
      const met = new Set(item.inputs.flatMap((link) => [...(parts.get(link.item) ?? [])]));
      if (part !== undefined) met.add(part);
      parts.set(item, met);
      const [one, other] = met;
      if (one !== undefined && other !== undefined) return { parts: [one, other], at: item };
    }
  }
  return undefined;
}
