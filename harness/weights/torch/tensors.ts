import { type DType, type HostArray, hostArray, sizeOf, typedView } from '../../engine/array.ts';

/** How PyTorch stores the elements of a tensor. */
export interface Element {
  readonly bytes: number;
  /** What they become here; narrower whole numbers become 32-bit ones, exactly. */
  readonly dtype: DType;
  /** Reads one element that `dtype` does not hold as it lies in the file. */
  readonly widen?: (bytes: DataView, at: number) => number;
}

const byte: Element = { bytes: 1, dtype: 'uint8' };

/** Element types by the name that PyTorch gives them, e.g. `float32`; of its storages in `STORAGES`. */
export const ELEMENTS: Readonly<Record<string, Element>> = {
  float32: { bytes: 4, dtype: 'float32' },
  float64: { bytes: 8, dtype: 'float64' },
  float16: { bytes: 2, dtype: 'float16' },
  bfloat16: { bytes: 2, dtype: 'bfloat16' },
  int64: { bytes: 8, dtype: 'int64' },
  int32: { bytes: 4, dtype: 'int32' },
  int16: { bytes: 2, dtype: 'int32', widen: (bytes, at) => bytes.getInt16(at, true) },
  int8: { bytes: 1, dtype: 'int32', widen: (bytes, at) => bytes.getInt8(at) },
  uint8: byte,
  bool: { bytes: 1, dtype: 'bool' },
};

/** The element type of each class of storage; those of other types cannot be read. */
export const STORAGES: Readonly<Record<string, string>> = {
  FloatStorage: 'float32',
  DoubleStorage: 'float64',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
};

/** Memory that tensors of a file share. */
export interface Storage {
  readonly key: string;
  readonly element: Element;
  /** Elements, as the file says. */
  readonly length: number;
}

/** A tensor as a pickle describes it; offset and strides count elements. */
export interface StridedTensor {
  readonly kind: 'tensor';
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/**
 * The elements of a tensor, row-major, in memory of their own.
 * @param bytes the storage's, little-endian
 * @throws Error where the tensor reaches beyond its storage
 */
export function densely(tensor: StridedTensor, bytes: Uint8Array): HostArray {
  const { storage, shape, strides, offset } = tensor;
  const { element } = storage;
  const count = sizeOf(shape);
  const last = shape.reduce((at, size, i) => at + (size - 1) * (strides[i] ?? 0), offset);
  if (count > 0 && (last + 1) * element.bytes > bytes.length)
    throw new Error(
      `a tensor of shape [${shape}] reaches to element ${last} of storage ${storage.key}, which has ${Math.floor(bytes.length / element.bytes)}`,
    );
  const dense = isDense(shape, strides)
    ? new Uint8Array(bytes.subarray(offset * element.bytes, (offset + count) * element.bytes))
    : gathered(tensor, bytes, count);
  const { dtype, widen } = element;
  if (widen === undefined) return hostArray(dtype, shape, typedView(dtype, dense.buffer, 0, count));
  const view = new DataView(dense.buffer);
  const wide = Int32Array.from({ length: count }, (_, i) => widen(view, i * element.bytes));
  return hostArray(dtype, shape, wide);
}

function isDense(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] ?? 0;
    if (size !== 1 && strides[axis] !== expected) return false;
    expected *= size;
  }
  return true;
}

function gathered(
  { storage, shape, strides, offset }: StridedTensor,
  from: Uint8Array,
  count: number,
) {
  const size = storage.element.bytes;
  const out = new Uint8Array(count * size);
  const index = shape.map(() => 0);
  let at = offset;
  for (let i = 0; i < count; i++) {
    out.set(from.subarray(at * size, (at + 1) * size), i * size);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis] ?? 0;
      index[axis] = (index[axis] ?? 0) + 1;
      if (index[axis] !== shape[axis]) break;
      at -= (strides[axis] ?? 0) * (index[axis] ?? 0);
      index[axis] = 0;
    }
  }
  return out;
}
