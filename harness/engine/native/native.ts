import koffi from 'koffi';
import {
  type DType,
  type HostArray,
  itemBytes,
  sizeOf,
  type TypedArray,
  typedView,
} from '../array.ts';
import { native, type Pointer } from './capi.ts';

/** TensorFlow's DataType numbers (types.proto). */
export const TF_TYPE: Readonly<Record<DType, number>> = {
  float32: 1,
  float64: 2,
  int32: 3,
  uint8: 4,
  int64: 9,
  bool: 10,
  bfloat16: 14,
  float16: 19,
};

const BY_NUMBER = new Map<number, DType>(
  Object.entries(TF_TYPE).map(([name, number]) => [number, name as DType]),
);

/** The name of a DataType number. @throws for types that never cross the border. */
export function dtypeOf(number: number): DType {
  const dtype = BY_NUMBER.get(number);
  if (dtype === undefined) throw new Error(`engine: TensorFlow type ${number} is not supported`);
  return dtype;
}

/** Calls one C function. The pointer type is opaque: only other C functions take it. */
export function call(name: string, ...args: readonly unknown[]): Pointer {
  return invoke(name, args) as Pointer;
}

/** Calls a C function that returns a number. */
export function callNumber(name: string, ...args: readonly unknown[]): number {
  return Number(invoke(name, args));
}

function invoke(name: string, args: readonly unknown[]): unknown {
  const target = native().api[name];
  if (target === undefined) throw new Error(`engine: ${name} is not bound`);
  return target(...args);
}

/**
 * Runs `body` with a TF_Status and throws its message, prefixed with `what`, when it is not OK. Text
 * that takes time to make is given as a function.
 */
export function checked<T>(what: string | (() => string), body: (status: Pointer) => T): T {
  const status = spare.pop() ?? call('TF_NewStatus');
  let ok = false;
  try {
    const value = body(status);
    throwUnlessOk(status, what);
    ok = true;
    return value;
  } finally {
    if (ok) spare.push(status);
    else call('TF_DeleteStatus', status);
  }
}

/** Statuses that are OK, kept for the next calls, of which a trace makes hundreds of thousands. */
const spare: Pointer[] = [];

/** @throws an Error with TensorFlow's message when the status is not OK. */
export function throwUnlessOk(status: Pointer, what: string | (() => string)): void {
  const code = callNumber('TF_GetCode', status);
  if (code === 0) return;
  const prefix = typeof what === 'string' ? what : what();
  throw new EngineError(`${prefix}: ${String(invoke('TF_Message', [status]))}`, code);
}

/** A call into TensorFlow that failed; `code` is TF_Code (8 is RESOURCE_EXHAUSTED). */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: number;
  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

/** Copies a host array into a new TF_Tensor; the caller deletes it. */
export function toNative(array: HostArray): Pointer {
  const bytes = sizeOf(array.shape) * itemBytes(array.dtype);
  if (array.data.byteLength !== bytes)
    throw new Error(
      `engine: ${array.data.byteLength} bytes given for ${array.dtype} [${array.shape}] (${bytes} bytes)`,
    );
  const dims = array.shape.map(BigInt);
  const tensor = call('TF_AllocateTensor', TF_TYPE[array.dtype], dims, dims.length, bytes);
  if (bytes > 0) native().memcpy(call('TF_TensorData', tensor), array.data, bytes);
  return tensor;
}

/** Copies a TF_Tensor into a new host array. The tensor stays the caller's. */
export function fromNative(tensor: Pointer): HostArray {
  const rank = callNumber('TF_NumDims', tensor);
  const shape = Array.from({ length: rank }, (_, i) => callNumber('TF_Dim', tensor, i));
  const dtype = dtypeOf(callNumber('TF_TensorType', tensor));
  const bytes = callNumber('TF_TensorByteSize', tensor);
  const data: TypedArray = typedView(dtype, new ArrayBuffer(bytes), 0, bytes / itemBytes(dtype));
  if (bytes > 0) native().memcpy(data, call('TF_TensorData', tensor), bytes);
  return { dtype, shape, data };
}

/** The bytes of a TF_Buffer, copied; the buffer is deleted. */
export function takeBuffer(buffer: Pointer): Uint8Array {
  const address = koffi.decode(buffer, 0, 'void*') as Pointer;
  const length = Number(koffi.decode(buffer, 8, 'size_t'));
  const bytes = new Uint8Array(length);
  if (length > 0) native().memcpy(bytes, address, length);
  call('TF_DeleteBuffer', buffer);
  return bytes;
}
