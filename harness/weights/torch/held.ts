import { type PickledArray, sizeOf as sizeOfArray } from '../../data/pickle/numpy_array.ts';
import { arrayOf } from '../../data/pickle/numpy_names.ts';
import { type HostArray, sizeOf } from '../../engine/array.ts';
import { hostArrayOf } from '../numpy_array.ts';
import type { Content } from './content.ts';
import { densely, type StridedTensor } from './tensors.ts';

/** Numbers that a pickle holds: a tensor of PyTorch's or an array of numpy's. detectron2 takes both. */
export type Held =
  | { readonly tensor: StridedTensor }
  | { readonly array: PickledArray; readonly tensor?: undefined };

const NUMBERS = /^[biufc]\d/;

/** Numbers, if a value is any; arrays of texts or objects are none. @throws Error for a broken array */
export function heldIn(value: unknown): Held | undefined {
  if (isTensor(value)) return { tensor: value };
  const array = arrayOf(value);
  return array !== undefined && NUMBERS.test(array.dtype) ? { array } : undefined;
}

/** Bytes that they take here, at most: several may be of the same ones in the file. */
export function bytesTaken(held: Held): number {
  if (held.tensor === undefined) return 8 * sizeOfArray(held.array);
  const { shape, storage } = held.tensor;
  return sizeOf(shape) * Math.max(4, storage.element.bytes);
}

/** In memory of their own. @throws Error where the file does not have them whole, or for a type that is not read */
export function hostArrayIn(name: string, held: Held, { memory }: Content): HostArray {
  if (held.tensor === undefined) return hostArrayOf(name, held.array);
  try {
    return densely(held.tensor, memory(held.tensor.storage));
  } catch (cause) {
    throw new Error(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

function isTensor(value: unknown): value is StridedTensor {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'tensor';
}
