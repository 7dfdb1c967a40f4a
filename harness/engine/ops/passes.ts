import { sizeOf } from '../array.ts';
import { native, type Output } from '../capi.ts';
import { type Emit, fused, rounded } from '../fused.ts';
import { op1 } from '../op.ts';
import { activeGraph, dtypeInGraph, type Tensor, tf, unwrap, wrap } from '../tf.ts';

/**
 * From how many elements on ops are fused: activations in bfloat16, parameters. Below, a step gains
 * less than compiling takes; what goldens pin is below. In float32 TensorFlow's kernels are as fast for one op, as they may write over
 * their input.
 */
const LARGE = { activations: 1 << 19, parameters: 1 << 18 } as const;

/** max(x, 0); with the addition of which x is the result in the same pass. Not differentiable. */
export function rectified(x: Tensor): Tensor {
  const terms = isLargeBf16(x) ? termsOf(x) : [];
  if (terms.length === 0) return op1('Relu', [x]);
  return fused('relu_of_sum', terms, (emit, values) => emit('Relu', [emit('Add', values)]));
}

/**
 * The gradient of max(x, 0): `dy` where `y` is above 0; with the addition that made `dy` in the same pass.
 * @param y max(x, 0), element type of dy
 */
export function rectifiedSlope(dy: Tensor, y: Tensor): Tensor {
  if (!isLargeBf16(dy)) return op1('ReluGrad', [dy, y]);
  const terms = termsOf(dy);
  if (terms.length === 0)
    return fused('relu_slope', [dy, y], (emit, [slope, of]) =>
      passed(emit, value(slope), value(of)),
    );
  return fused('relu_slope_of_sum', [...terms, y], (emit, [a, b, of]) =>
    passed(emit, emit('Add', [value(a), value(b)]), value(of)),
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
  const inputs = [narrow(a), b, factor, tf.scalar(0, 'int32')];
  return fused('plus_scaled', inputs, (emit, [x, y, k, zero]) =>
    emit('AddV2', [
      dtypeInGraph(inputs[0] ?? a) === 'float32'
        ? value(x)
        : emit('Cast', [value(x)], { DstT: { dtype: 'float32' } }),
      scaled(emit, value(y), value(k), value(zero)),
    ]),
  );
}

/**
 * keep a + take b, each product and sum rounded to float32, in one pass where it pays. Not differentiable.
 * @param a, b float32, of one shape
 * @param keep, take float32, scalars
 */
export function blended(a: Tensor, keep: Tensor, b: Tensor, take: Tensor): Tensor {
  if (!isLargeParameter(a)) return op1('AddV2', [op1('Mul', [a, keep]), op1('Mul', [b, take])]);
  const inputs = [a, keep, b, take, tf.scalar(0, 'int32')];
  return fused('blend', inputs, (emit, [x, k, y, t, zero]) =>
    emit('AddV2', [
      scaled(emit, value(x), value(k), value(zero)),
      scaled(emit, value(y), value(t), value(zero)),
    ]),
  );
}

function scaled(emit: Emit, x: Output, factor: Output, zero: Output): Output {
  return rounded(emit, emit('Mul', [x, factor]), zero);
}

function isLargeBf16(x: Tensor): boolean {
  return onCpu() && sizeOf(x.shape) >= LARGE.activations && dtypeInGraph(x) === 'bfloat16';
}

function isLargeParameter(x: Tensor): boolean {
  return onCpu() && sizeOf(x.shape) >= LARGE.parameters && dtypeInGraph(x) === 'float32';
}

function onCpu(): boolean {
  return native().library.device === 'cpu';
}

/** The two terms that were added to make `x`, none where it was made otherwise. */
function termsOf(x: Tensor): Tensor[] {
  const graph = activeGraph();
  const made = graph.maker(unwrap(x));
  if (made?.type !== 'Add' && made?.type !== 'AddV2') return [];
  const whole = made.inputs.every((term) => String(graph.meta(term).shape) === String(x.shape));
  return whole ? made.inputs.map((term) => wrap(term)) : [];
}

/** What `x` was before it was cast from bfloat16 and reshaped, if it was; in the shape of `x`. */
function narrow(x: Tensor): Tensor {
  const graph = activeGraph();
  let output = unwrap(x);
  for (;;) {
    const made = graph.maker(output);
    const [source] = made?.inputs ?? [];
    if (source === undefined) return x;
    const before = wrap(source);
    if (made?.type === 'Cast' && dtypeInGraph(before) === 'bfloat16')
      return tf.reshape(before, [...x.shape]);
    if (made?.type !== 'Reshape') return x;
    output = source;
  }
}

function value(output: Output | undefined): Output {
  if (output === undefined) throw new Error('engine: a fused function lacks an input');
  return output;
}
