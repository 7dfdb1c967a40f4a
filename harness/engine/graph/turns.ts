import type { Output, Pointer } from '../native/capi.ts';
import { dtypeOf } from '../native/native.ts';
import { flowTo, type Item, inDepth, type Link } from './flow.ts';
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
  const joined = sharedByBias(order);
  let before: readonly Item[] = [];
  for (const run of runsOf(order, repeated)) {
    if (before.length > 0) wait(graph, run, before, joined);
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

/**
 * What the gradients of a convolution's filter and of its bias both take. TensorFlow makes one op of these two where they
 * take it from the same op and wait for the same ones, and that one adds up otherwise: no gate may come between, nor
 * before one of them.
 */
function sharedByBias(order: readonly Item[]): ReadonlySet<string> {
  const taken = (type: string, place: number) =>
    order
      .filter(({ node }) => node.type === type)
      .flatMap(({ inputs }) => inputs.filter(({ index }) => index === place))
      .map(valueTaken);
  const byBias = new Set(taken('BiasAddGrad', 0));
  return new Set(taken('Conv2DBackpropFilter', 2).filter((key) => byBias.has(key)));
}

/** The two, and what may stand between them and that value. */
const OF_BIAS = /^(BiasAddGrad|Conv2DBackpropFilter|Identity)$/;

/** The value itself, which TensorFlow takes in place of what is identical with it. */
function valueTaken({ source, item }: Link): string {
  const [first] = item.inputs;
  return item.node.type === 'Identity' && first !== undefined ? valueTaken(first) : keyOf(source);
}

function keyOf({ oper, index }: Output): string {
  return `${oper}:${index}`;
}

/** Ops that TensorFlow makes one op of with what takes their values, unless they wait for something besides. */
const JOINS = /^(Pad|PadV2|Conv2D|MatMul|BiasAdd|FusedBatchNorm(V2|V3)?)$/;

/** Passes a value on when `over` is. @param stays TensorFlow would have what takes an Identity wait in its place */
function gateOf(graph: Graph, source: Output, over: Pointer, stays: boolean): Pointer {
  if (!stays) return graph.add('Identity', [source], {}, [over]).oper;
  const { shape, type } = graph.meta(source);
  const attrs = { T: { dtype: dtypeOf(type) }, shape: { shape: shape.map(() => -1) } };
  return graph.add('EnsureShape', [source], attrs, [over]).oper;
}

/**
 * Ops of a run that start from outside get their inputs when all that the run before it ends in is there.
 * @param joined values whose takers by `OF_BIAS` go without: they start as soon as what they take is there
 */
function wait(
  graph: Graph,
  run: readonly Item[],
  before: readonly Item[],
  joined: ReadonlySet<string>,
): void {
  const used = new Set(before.flatMap(({ inputs }) => inputs.map(({ item }) => item)));
  const ends = before.filter((item) => !used.has(item)).map(({ node }) => node.oper);
  const over = graph.add('NoOp', [], {}, ends).oper;
  const inside = new Set(run);
  const gates = new Map<string, Pointer>();
  for (const { node, inputs } of run) {
    if (inputs.some(({ item }) => inside.has(item))) continue;
    if (OF_BIAS.test(node.type) && inputs.some((link) => joined.has(valueTaken(link)))) continue;
    const stays = JOINS.test(node.type);
    for (const { index, source } of inputs) {
      const key = `${keyOf(source)} ${stays}`;
      const gate = gates.get(key) ?? gateOf(graph, source, over, stays);
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
