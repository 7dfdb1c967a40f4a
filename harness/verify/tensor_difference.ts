import { bytesOf, type HostArray, type TypedArray } from '../engine/array.ts';
import { asFloat32 } from '../weights/widen.ts';

/** How one tensor of two states differs. */
export interface TensorDifference {
  readonly name: string;
  readonly shape: readonly number[];
  /** Elements whose bits differ; all of them when a side lacks the tensor or has another shape. */
  readonly elements: number;
  readonly of: number;
  /** Largest absolute difference; NaN where it cannot be said. */
  readonly largest: number;
  /** L2 norm of the difference over that of the left side. */
  readonly relative: number;
  /** Element types of left and right, where they are not the same. */
  readonly types?: readonly [string, string];
}

interface State {
  readonly tensors: ReadonlyMap<string, HostArray>;
}

/** Every tensor whose bits differ, in order of name; empty exactly when the states are equal. */
export function tensorDifferences(left: State, right: State): TensorDifference[] {
  const names = [...new Set([...left.tensors.keys(), ...right.tensors.keys()])].sort();
  return names.flatMap((name) => {
    const found = differenceOf(name, left.tensors.get(name), right.tensors.get(name));
    return found === undefined ? [] : [found];
  });
}

/** A difference as one line. */
export function tensorDifferenceText(difference: TensorDifference): string {
  const { name, shape, elements, of, largest, relative, types } = difference;
  const kinds = types === undefined ? '' : `${types.join(' against ')}, `;
  if (Number.isNaN(largest))
    return `${name} [${shape}]: ${kinds}of another shape or on one side only`;
  return (
    `${name} [${shape}]: ${kinds}${elements} of ${of} elements differ, ` +
    `by up to ${largest.toExponential(2)}, relative ${relative.toExponential(2)}`
  );
}

function differenceOf(
  name: string,
  left: HostArray | undefined,
  right: HostArray | undefined,
): TensorDifference | undefined {
  const some = left ?? right;
  if (some === undefined) return undefined;
  const { shape } = some;
  const of = some.data.length;
  const unlike = { name, shape, elements: of, of, largest: Number.NaN, relative: Number.NaN };
  if (left === undefined || right === undefined) return unlike;
  const sameType = left.dtype === right.dtype;
  const types = sameType ? {} : { types: [left.dtype, right.dtype] as const };
  const comparable = sameType || (FLOATS.has(left.dtype) && FLOATS.has(right.dtype));
  if (!comparable || String(left.shape) !== String(right.shape)) return { ...unlike, ...types };
  if (sameType && Buffer.compare(bytesOf(left.data), bytesOf(right.data)) === 0) return undefined;
  return { name, shape, ...valuesApart(numbersOf(left), numbersOf(right)), ...types };
}

const FLOATS: ReadonlySet<string> = new Set(['float16', 'bfloat16', 'float32', 'float64']);

function valuesApart(left: TypedArray, right: TypedArray) {
  const of = left.length;
  let [elements, largest, squares, norm] = [0, 0, 0, 0];
  for (let i = 0; i < of; i++) {
    const [a, b] = [Number(left[i]), Number(right[i])];
    norm += a * a;
    if (Object.is(a, b)) continue;
    elements++;
    const apart = Math.abs(a - b);
    largest = Math.max(largest, Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart);
    squares += apart * apart;
  }
  return { elements, of, largest, relative: Math.sqrt(squares / (norm || 1)) };
}

// The half types travel as raw bits, of which a difference would mean nothing.
function numbersOf(array: HostArray): TypedArray {
  const isHalf = array.dtype === 'float16' || array.dtype === 'bfloat16';
  return isHalf ? asFloat32(array, '').value.data : array.data;
}
