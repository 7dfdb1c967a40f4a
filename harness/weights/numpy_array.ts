import { type PickledArray, placesOf, sizeOf, stridesOf } from '../data/pickle/numpy_array.ts';
import { type DType, type HostArray, hostArray, typedView } from '../engine/array.ts';

/** Kind and bytes of an element as numpy names them; bfloat16 has no name there. */
export const LETTERS: Readonly<Partial<Record<DType, string>>> = {
  float32: 'f4',
  float64: 'f8',
  float16: 'f2',
  int64: 'i8',
  int32: 'i4',
  uint8: 'u1',
  bool: 'b1',
};
const DTYPES = new Map(
  Object.entries(LETTERS).map(([dtype, letters]) => [letters, dtype as DType]),
);

/** An array of a pickle, in memory of its own. @throws Error naming it, for a type that is not read */
export function hostArrayOf(name: string, array: PickledArray): HostArray {
  const dtype = DTYPES.get(array.dtype);
  if (dtype === undefined || array.bigEndian)
    throw new Error(
      `${name} is of numpy's type ${array.bigEndian ? '>' : ''}${array.dtype}, which is not read`,
    );
  const size = Number(array.dtype.slice(1));
  const bytes = inRows(array, size);
  return hostArray(dtype, array.shape, typedView(dtype, bytes.buffer, 0, sizeOf(array)));
}

/** An array's bytes in the order of rows, in memory of their own. */
function inRows(array: PickledArray, size: number): Uint8Array<ArrayBuffer> {
  const dense = String(array.strides) === String(stridesOf(array.shape, false));
  if (dense) return new Uint8Array(array.bytes);
  const bytes = new Uint8Array(sizeOf(array) * size);
  let at = 0;
  for (const place of placesOf(array)) {
    bytes.set(array.bytes.subarray(place * size, (place + 1) * size), at);
    at += size;
  }
  return bytes;
}
