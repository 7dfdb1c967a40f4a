import { sizeOf } from '../array.ts';
import { type Emit, fused, rounded } from '../fused.ts';
import { type Output, onCpu } from '../native/capi.ts';
import { TF_TYPE } from '../native/native.ts';
import { op1 } from '../op.ts';
import { activeGraph, dtypeInGraph, sizesAreFree, type Tensor, tf, unwrap, wrap } from '../tf.ts';
import { layeredNorm } from './layered.ts';

/**
 * From how many elements on ops are fused: activations in bfloat16, parameters. Below that a step
 * gains less than compiling takes, and the graphs of all goldens stay below. In float32
 * TensorFlow's kernels are as fast for activations, as they may write over their input.
 */
const LARGE = { activations: 1 << 19, parameters: 1 << 18 } as const;

/** max(x, 0); in the same pass as the sum or the batch norm that made x. Not differentiable. */
export function rectified(x: Tensor): Tensor {
  const terms = isLargeBf16(x) ? termsOf(x) : undefined;
  if (terms !== undefined)
    return fused('relu_of_sum', terms, (emit, sum) => emit('Relu', [emit('Add', sum)]));
  const norm = layeredNorm(x);
  return norm === undefined ? op1('Relu', [x]) : tf.reshape(op1('Relu', [norm]), [...x.shape]);
}

/**
 * The gradient of max(x, 0): `dy` where `y` is above 0; with the addition that made `dy` in the same pass.
 * @param y max(x, 0), element type of dy
 */
export function rectifiedSlope(dy: Tensor, y: Tensor): Tensor {
  if (!isLargeBf16(dy)) return op1('ReluGrad', [dy, y]);
  const terms = termsOf(dy);
  if (terms === undefined)
    return fused('relu_slope', [dy, y], (emit, [slope, of]) => passed(emit, slope, of));
  return fused('relu_slope_of_sum', [...terms, y], (emit, [a, b, of]) =>
    passed(emit, emit('Add', [a, b]), of),
  );
}

/** dy (y > 0): a product, as in TensorFlow's kernel, so that zeros keep a sign and NaN is not dropped. */
function passed(emit: Emit, dy: Output, y: Output): Output {
  const above = emit('Greater', [y, emit('ZerosLike', [y])]);
  return emit('Mul', [dy, emit('Cast', [above], { DstT: { dtype: 'bfloat16' } })]);
}

/**
 * a + factor b, each product and sum rounded to float32, in one pass where it pays.
 * @param a float32; read as bfloat16 where it was made from that
 * @param b float32, shape of a
 * @param factor float32, scalar
 */
export function plusScaled(a: Tensor, b: Tensor, factor: Tensor): Tensor {
  if (!isLargeParameter(a)) return tf.add(a, tf.mul(b, factor));
  const inputs = [narrow(a), b, factor, tf.scalar(0, 'int32')] as const;
  return fused('plus_scaled', inputs, (emit, [x, y, k, zero]) => {
    const wide = emit('Cast', [x], { DstT: { dtype: 'float32' } });
    return emit('AddV2', [wide, scaled(emit, y, k, zero)]);
  });
}

/**
 * keep a + take b, each product and sum rounded to float32, in one pass where it pays. Not differentiable.
 * @param a, b float32, of one shape
 * @param keep, take float32, scalars
 */
export function blended(a: Tensor, keep: Tensor, b: Tensor, take: Tensor): Tensor {
  if (!isLargeParameter(a)) return op1('AddV2', [op1('Mul', [a, keep]), op1('Mul', [b, take])]);
  const inputs = [a, keep, b, take, tf.scalar(0, 'int32')] as const;
  return fused('blend', inputs, (emit, [x, k, y, t, zero]) =>
    emit('AddV2', [scaled(emit, x, k, zero), scaled(emit, y, t, zero)]),
  );
}

function scaled(emit: Emit, x: Output, factor: Output, zero: Output): Output {
  return rounded(emit, emit('Mul', [x, factor]), zero);
}

function isLargeBf16(x: Tensor): boolean {
  if (sizesAreFree()) return false; // one function is compiled for each size
  return onCpu() && sizeOf(x.shape) >= LARGE.activations && dtypeInGraph(x) === 'bfloat16';
}

function isLargeParameter(x: Tensor): boolean {
  return onCpu() && sizeOf(x.shape) >= LARGE.parameters && dtypeInGraph(x) === 'float32';
}

/** The two terms that were added to make `x`; nothing where it was made otherwise. */
function termsOf(x: Tensor): readonly [Tensor, Tensor] | undefined {
  const graph = activeGraph();
  const made = graph.maker(unwrap(x));
  if (made?.type !== 'Add' && made?.type !== 'AddV2') return undefined;
  const [a, b] = made.inputs.map((term) => wrap(term));
  const isWhole = (term?: Tensor) => String(term?.shape) === String(x.shape);
  return a && b && isWhole(a) && isWhole(b) ? [a, b] : undefined;
}

/** What `x` was before it was cast from bfloat16 and reshaped, if it was; in the shape of `x`. */
function narrow(x: Tensor): Tensor {
  const graph = activeGraph();
  let made = graph.maker(unwrap(x));
  for (;;) {
    const [source] = made?.inputs ?? [];
    if (source === undefined) return x;
    if (made?.type === 'Cast' && graph.meta(source).type === TF_TYPE.bfloat16)
      return tf.reshape(wrap(source), [...x.shape]);
    if (made?.type !== 'Reshape') return x;
    made = graph.maker(source);
  }
}
