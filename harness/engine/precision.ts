import { castTo } from './op.ts';
import { dtypeInGraph, type Tensor } from './tf.ts';

/**
 * `fp32`: everything in float32. `bf16`: convolutions, batch norm and linear layers take and give
 * bfloat16 (sums inside a kernel stay float32); parameters, statistics, losses, gradients and all state
 * stay float32. Casts are made here, by construction, not by a graph pass: the pass also turns the fixed
 * tree of gradient sums to bf16 (engine-facts, finding 2).
 */
export type Precision = 'fp32' | 'bf16';

let current: Precision = 'fp32';

/** Traces `body` with layers computing in `precision`. */
export function withPrecision<T>(precision: Precision, body: () => T): T {
  const before = current;
  current = precision;
  try {
    return body();
  } finally {
    current = before;
  }
}

/** `x` in the element type that layers compute in. */
export function toCompute(x: Tensor): Tensor {
  return castTo(x, current === 'bf16' ? 'bfloat16' : 'float32');
}

/** `x` in float32: for reductions, losses and anything that becomes state. */
export function toFloat(x: Tensor): Tensor {
  return castTo(x, 'float32');
}

/** `gradient` in the element type of `value`, which is what TensorFlow's gradient kernels ask for. */
export function asTypeOf(gradient: Tensor, value: Tensor): Tensor {
  return castTo(gradient, dtypeInGraph(value));
}
