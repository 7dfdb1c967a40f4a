import { UserError } from '../base/errors.ts';
import type { DType } from './array.ts';
import { onCpu } from './native/capi.ts';
import { castTo } from './op.ts';
import { dtypeInGraph, type Tensor } from './tf.ts';

/**
 * `fp32`: everything in float32. `bf16`: convolutions, batch norm and linear layers take and give
 * bfloat16 (sums inside a kernel stay float32 where the CPU has AVX-512); parameters, statistics, losses, gradients and all state
 * stay float32. Casts are made here, not by TensorFlow's graph pass: that pass also turns the fixed
 * tree of gradient sums into bf16 (docs/reference/engine.md, section 2). `fp16`: as bf16, in float16, on a
 * GPU; its small range needs a loss scale (harness/optim/loss_scale.ts).
 */
export type Precision = 'fp32' | 'bf16' | 'fp16';

/** The element type that layers compute in. */
const ELEMENT: Readonly<Record<Precision, DType>> = {
  fp32: 'float32',
  bf16: 'bfloat16',
  fp16: 'float16',
};

let current: Precision = 'fp32';

/**
 * Traces `body` with layers computing in `precision`.
 * @throws UserError for bf16 under a limit on instruction sets that has no bf16.
 */
export function withPrecision<T>(precision: Precision, body: () => T): T {
  if (precision === 'bf16') checkInstructions(process.env.ONEDNN_MAX_CPU_ISA);
  const before = current;
  current = precision;
  try {
    return body();
  } finally {
    current = before;
  }
}

/**
 * @param what the setting, for the message
 * @throws UserError for fp16 where ops run on the CPU.
 */
export function checkPrecision(precision: Precision, what: string): void {
  if (precision !== 'fp16' || !onCpu()) return;
  throw new UserError(
    `${what}: fp16 is for a GPU, and libtensorflow computes on the CPU here. Few CPUs can compute in float16, and ` +
      "TensorFlow's kernels for the others took five times as long as those of float32. Use bf16: it is as narrow, " +
      'needs no loss scale, and CPUs with AVX-512 have kernels for it',
  );
}

/** `x` in the element type that layers compute in. */
export function toCompute(x: Tensor): Tensor {
  return castTo(x, ELEMENT[current]);
}

/** `x` in float32: for reductions, losses and anything that becomes state. */
export function toFloat(x: Tensor): Tensor {
  return castTo(x, 'float32');
}

/** `gradient` in the element type of `value`, which is what TensorFlow's gradient kernels ask for. */
export function asTypeOf(gradient: Tensor, value: Tensor): Tensor {
  return castTo(gradient, dtypeInGraph(value));
}

/**
 * TensorFlow looks at the CPU alone and would choose bf16, for which oneDNN then has no kernel
 * under this limit: the process would end in an uncaught exception.
 */
function checkInstructions(limit: string | undefined): void {
  if (leavesBf16(limit)) return;
  throw new UserError(
    `ONEDNN_MAX_CPU_ISA=${limit} leaves oneDNN without instructions for bf16; unset it, or use precision fp32`,
  );
}

/** Whether oneDNN has kernels for bf16 under a limit on instruction sets, on a CPU that has them all. */
export function leavesBf16(limit: string | undefined): boolean {
  return limit === undefined || /^(DEFAULT|AVX512_CORE.*|AVX10.*)$/i.test(limit);
}
