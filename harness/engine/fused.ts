import type { Attrs } from './graph/description.ts';
import { Graph } from './graph/graph.ts';
import { liberties } from './liberties.ts';
import type { Output } from './native/capi.ts';
import { call, checked, dtypeOf } from './native/native.ts';
import { op1 } from './op.ts';
import { activeGraph, type Tensor, tf, unwrap, wrap } from './tf.ts';

/** Adds one elementwise op to a function. */
export type Emit = (type: string, inputs: readonly Output[], attrs?: Attrs) => Output;

/** The ops of a function on tensors of one size, [n], and on scalars: one value for each tensor of T. */
export type Body<T> = (emit: Emit, inputs: { readonly [I in keyof T]: Output }) => Output;

/**
 * Elementwise ops as one loop that XLA compiles for this CPU: TensorFlow's own kernels go through memory
 * once an op, and in bfloat16 they were built without the instructions for it. The bits are those of
 * the ops one by one (see `rounded` for products); `audit.ts` has the ops that may be used. A function is
 * compiled at its first run, about 40 ms for each kind and size, so it is for large tensors. Not differentiable.
 * @param kind for profiles and messages; calls of one kind have one body
 * @param inputs of one shape, or scalars
 * @returns a tensor of the first input's shape
 */
export function fused<const T extends readonly [Tensor, ...Tensor[]]>(
  kind: string,
  inputs: T,
  body: Body<T>,
): Tensor {
  const graph = activeGraph();
  const flat = inputs.map((x) => (x.rank === 0 ? x : tf.reshape(x, [-1]))).map(unwrap);
  const metas = flat.map((output) => graph.meta(output));
  const types = metas.map(({ shape, type }) => [dtypeOf(type), ...shape].join('_'));
  const name = [kind, ...types].join('__');
  const definition = graph.define(name, () => {
    const inner = new Graph();
    const places = metas.map(({ shape, type }) => inner.placeholder(dtypeOf(type), shape));
    const emit: Emit = (type, values, attrs = {}) => ({
      oper: inner.add(type, values, attrs).oper,
      index: 0,
    });
    const result = body(emit, places as { readonly [I in keyof T]: Output });
    const handle = functionOf(inner, name, places, result);
    inner.dispose();
    return { kind, name, parts: inner.nodes, handle };
  });
  const { oper } = graph.callCompiled(definition, flat);
  // The type of a call's result is known to TensorFlow, its shape is not.
  return op1('Reshape', [wrap({ oper, index: 0 }), tf.tensor1d(inputs[0].shape, 'int32')]);
}

function functionOf(body: Graph, name: string, inputs: readonly Output[], output: Output) {
  return checked(name, (status) =>
    call(
      'TF_GraphToFunction',
      ...[body.handle, name, 0, -1, null], // all operations, under this very name
      ...[inputs.length, inputs, 1, [output], null, null, null, status],
    ),
  );
}

/**
 * `product` as it is rounded to float32. The compiler would put a product and the sum that takes it into
 * one instruction that rounds once; it cannot know that `zero` changes nothing.
 * @param zero a scalar int32 0 that is an input of the function
 */
export function rounded(emit: Emit, product: Output, zero: Output): Output {
  if (liberties()?.contraction) return product;
  const bits = emit('Bitcast', [product], { type: { dtype: 'int32' } });
  return emit('Bitcast', [emit('BitwiseXor', [bits, zero])], { type: { dtype: 'float32' } });
}
