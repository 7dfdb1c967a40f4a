import type { AttrValue } from '../../harness/engine/graph/description.ts';
import type { Graph, Meta, Node } from '../../harness/engine/graph/graph.ts';
import type { Output } from '../../harness/engine/native/capi.ts';
import { callNumber, TF_TYPE } from '../../harness/engine/native/native.ts';

/** A node of a step, with what it takes as it is now. */
export interface StepNode {
  readonly node: Node;
  /** Data, and what a change of state took that it waits for. */
  readonly inputs: readonly Output[];
  /** Those that are values; a variable's handle is none. */
  readonly outputs: readonly Output[];
}

const VALUES = new Set(Object.values(TF_TYPE));

/** The nodes of an entry that make values, each after what it takes. */
export function stepNodes(graph: Graph, entry: string): readonly StepNode[] {
  const found: StepNode[] = [];
  const seen = new Set<Node>();
  const add = (node: Node | undefined) => {
    if (node === undefined || seen.has(node)) return;
    seen.add(node);
    const controls = graph.controls(node.oper);
    const inputs = [node.oper, ...controls].flatMap((oper) => graph.sources(oper));
    for (const input of inputs) add(graph.maker(input));
    const count = callNumber('TF_OperationNumOutputs', node.oper);
    const outputs = Array.from({ length: count }, (_, index) => ({ oper: node.oper, index }));
    const values = outputs.filter((output) => VALUES.has(graph.meta(output).type));
    if (node.type !== 'Placeholder') found.push({ node, inputs, outputs: values });
  };
  for (const node of graph.nodes) if (node.name.startsWith(`${entry}/`)) add(node);
  return found.filter(({ outputs }) => outputs.length > 0);
}

/** `MatMul(float32 [64, 512], float32 [512, 128]) -> float32 [64, 128], transpose_a false`. */
export function nodeText(graph: Graph, { node }: StepNode): string {
  const inputs = graph.sources(node.oper).map((input) => metaText(graph.meta(input)));
  const output = metaText(graph.meta({ oper: node.oper, index: 0 }));
  const attrs = Object.entries(node.attrs)
    .filter(([, value]) => !(typeof value === 'object' && 'tensor' in value))
    .map(([name, value]) => `, ${name} ${attrText(value)}`);
  return `${node.type}(${inputs.join(', ')}) -> ${output}${attrs.join('')}`;
}

function metaText({ shape, type }: Meta): string {
  const name = Object.entries(TF_TYPE).find(([, number]) => number === type)?.[0] ?? 'state';
  return name === 'state' ? name : `${name} [${shape.join(', ')}]`;
}

function attrText(value: AttrValue): string {
  if (typeof value === 'object' && 'dtype' in value) return value.dtype;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
