/** Element types that cross the border between host and graph. */
export type DType =
  | 'float32'
  | 'float64'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'bool'
  | 'bfloat16'
  | 'float16';

export type TypedArray =
  | Float32Array
  | Float64Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array;

/** A dense row-major array on the host: `data.length` is the product of `shape`. */
export interface HostArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

type ArrayType =
  | typeof Float32Array
  | typeof Float64Array
  | typeof Int32Array
  | typeof BigInt64Array
  | typeof Uint8Array
  | typeof Uint16Array;

// bfloat16 and float16 have no typed array: their raw 16-bit patterns travel as Uint16Array.
const ARRAYS: Readonly<Record<DType, ArrayType>> = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  bfloat16: Uint16Array,
  float16: Uint16Array,
};

/** The typed array that holds an element type. */
export function arrayType(dtype: DType): ArrayType {
  return ARRAYS[dtype];
}

/** Bytes of one element. */
export function itemBytes(dtype: DType): number {
  return ARRAYS[dtype].BYTES_PER_ELEMENT;
}

/** Number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** A typed view of `length` elements of raw memory, without a copy. `offset` is in bytes. */
export function typedView(
  dtype: DType,
  buffer: ArrayBufferLike,
  offset: number,
  length: number,
): TypedArray {
  const Made: new (from: ArrayBufferLike, start: number, count: number) => TypedArray =
    ARRAYS[dtype];
  return new Made(buffer, offset, length);
}

/** The raw bytes behind a typed array, without a copy. */
export function bytesOf(data: TypedArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * Pairs data with a shape.
 * @throws when the element count does not fit the shape.
 */
export function hostArray(dtype: DType, shape: readonly number[], data: TypedArray): HostArray {
  if (data.length !== sizeOf(shape)) {
    throw new Error(
      `host array: ${data.length} elements do not fill shape [${shape}] (${sizeOf(shape)} expected)`,
    );
  }
  return { dtype, shape, data };
}

/** An array of zeros. */
export function zeros(dtype: DType, shape: readonly number[]): HostArray {
  const length = sizeOf(shape);
  return {
    dtype,
    shape,
    data: typedView(dtype, new ArrayBuffer(length * itemBytes(dtype)), 0, length),
  };
}

/** Values of all parts, one part after another. */
export function concatenated(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
