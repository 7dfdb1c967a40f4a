import { type HostArray, sizeOf } from '../array.ts';
import type { Output } from '../native/capi.ts';
import type { Graph, Node } from './graph.ts';
import { madeAt } from './origin.ts';

/**
 * Refuses divisions on a CPU of which TensorFlow's optimiser makes Reciprocal, an op that the list of deterministic ops
 * refuses: those of ones, where it runs in every step, and those by constants, where it runs once as the graph is
 * folded. A single number is divided for all that, as kernels have estimates for whole vectors alone.
 * @throws naming the first such division and the line that made it
 */
export function auditQuotients(graph: Graph, nodes: readonly Node[]): void {
  for (const node of nodes) {
    const { type, inputs } = node;
    const [ones, divisor] = inputs;
    if (!DIVISIONS.has(type) || divisor === undefined) continue;
    if (sizeOf(graph.meta(divisor).shape) === 1) continue;
    const ofOnes = isOnes(graph, ones);
    if (!ofOnes && !isConstant(graph, divisor)) continue;
    const [what, instead] = ofOnes
      ? ['divides ones', 'Use oneOver of harness/engine/ops/one_over.ts']
      : ['divides by constants', 'Multiply by constants, or divide by a single number'];
    throw new Error(
      `engine: ${type} ${what}, which TensorFlow's optimiser replaces by Reciprocal, an estimate of the ` +
        `processor's own; it ${madeAt(node)}. ${instead}.`,
    );
  }
}

const DIVISIONS: ReadonlySet<string> = new Set(['RealDiv', 'Div', 'DivNoNan']);

/** Ops whose result is ones where their first input is. */
const KEEPS_ONES: ReadonlySet<string> = new Set(
  'BroadcastTo Cast ExpandDims Identity Reshape Squeeze StopGradient'.split(' '),
);

function isOnes(graph: Graph, output: Output | undefined): boolean {
  const node = output && graph.maker(output);
  if (node === undefined) return false;
  const { type, inputs, attrs } = node;
  if (type === 'OnesLike') return true;
  if (type === 'Fill') return isOnes(graph, inputs[1]);
  if (KEEPS_ONES.has(type)) return isOnes(graph, inputs[0]);
  const { value } = attrs;
  return typeof value === 'object' && 'tensor' in value && allOne(value.tensor);
}

/** Whether the optimiser knows the values of an output before anything runs, as far as we make such. */
function isConstant(graph: Graph, output: Output | undefined): boolean {
  const node = output && graph.maker(output);
  if (node === undefined) return false;
  const { type, inputs } = node;
  return type === 'Const' || (inputs.length > 0 && inputs.every((one) => isConstant(graph, one)));
}

/** How the formats that are kept as whole numbers write one. */
const ONE_AS_BITS: Readonly<Record<string, number>> = { bfloat16: 0x3f80, float16: 0x3c00 };

function allOne({ dtype, data }: HostArray): boolean {
  const one = ONE_AS_BITS[dtype] ?? 1;
  return data.length > 0 && [...data].every((value) => Number(value) === one);
}
