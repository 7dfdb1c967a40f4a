import { type DType, hostArray } from './array.ts';
import type { Attrs } from './graph/description.ts';
import { activeGraph, addNode, dtypeInGraph, memoized, type Tensor, unwrap, wrap } from './tf.ts';

/**
 * Adds a raw TensorFlow op to the graph being traced.
 * @param attrs only those that TensorFlow cannot infer from the inputs.
 * @returns its first `outputs` outputs.
 * @throws EngineError naming the op, its input shapes and the caller's line.
 */
export function op(
  type: string,
  inputs: readonly Tensor[],
  attrs: Attrs = {},
  outputs = 1,
): Tensor[] {
  return addNode(type, inputs, attrs, outputs);
}

/** As `op`, for ops with one output. */
export function op1(type: string, inputs: readonly Tensor[], attrs: Attrs = {}): Tensor {
  const [output] = addNode(type, inputs, attrs, 1);
  if (output === undefined) throw new Error(`engine: ${type} has no output`);
  return output;
}

/** As `op1`, for an op whose shape TensorFlow cannot tell while it is traced. */
export function shapedOp(
  type: string,
  inputs: readonly Tensor[],
  attrs: Attrs,
  shape: readonly number[],
): Tensor {
  const graph = activeGraph();
  const { oper } = graph.add(type, inputs.map(unwrap), attrs);
  const dims = graph.constant(hostArray('int32', [shape.length], Int32Array.from(shape)));
  const shaped = graph.add('Reshape', [{ oper, index: 0 }, dims], {});
  return wrap({ oper: shaped.oper, index: 0 });
}

/** `x` in another element type; `x` itself when it has that type already. Not differentiable. */
export function castTo(x: Tensor, dtype: DType): Tensor {
  if (dtypeInGraph(x) === dtype) return x;
  const { oper, index } = unwrap(x);
  return memoized(`${oper}:${index}:${dtype}`, () => op1('Cast', [x], { DstT: { dtype } }));
}

/** `x` under a new name: where an op must not hand out its input itself. */
export function identity(x: Tensor): Tensor {
  return op1('Identity', [x]);
}
