import { bytesOf, type HostArray, hostArray, itemBytes, sizeOf, typedView } from './array.ts';

// Where each axis of the result lies in the input: PyTorch's [O,I,H,W] and the graph's [H,W,I,O].
const OIHW_TO_HWIO = [2, 3, 1, 0] as const;
const HWIO_TO_OIHW = [3, 2, 0, 1] as const;

/**
 * An array of rank 4 with its axes in another order: axis `i` of the result is axis `axes[i]` of
 * the input. Elements are moved as bit patterns, so NaN payloads and raw bfloat16 survive.
 * @throws when the array's rank is not 4.
 */
export function transpose4(
  array: HostArray,
  axes: readonly [number, number, number, number],
): HostArray {
  const { dtype, shape } = array;
  if (shape.length !== 4) throw new Error(`transpose4: shape [${shape}] has not four axes`);
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const out = new ArrayBuffer(array.data.length * itemBytes(dtype));
  const outShape = axes.map((axis) => shape[axis] ?? 0);
  const outStrides = axes.map((axis) => strides[axis] ?? 0);
  const words = Math.max(1, itemBytes(dtype) / 4); // 64-bit elements move as two 32-bit words
  move(wordsOf(array), wordsOf({ ...array, data: typedView(dtype, out, 0, array.data.length) }), {
    shape: [...outShape, words],
    strides: [...outStrides.map((stride) => stride * words), 1],
  });
  return hostArray(dtype, outShape, typedView(dtype, out, 0, array.data.length));
}

/** A convolution weight from files' [O,I,H,W] to the graph's [H,W,I,O]. */
export function toHWIO(weight: HostArray): HostArray {
  return transpose4(weight, OIHW_TO_HWIO);
}

/** A convolution weight from the graph's [H,W,I,O] to files' [O,I,H,W]. */
export function toOIHW(weight: HostArray): HostArray {
  return transpose4(weight, HWIO_TO_OIHW);
}

type Words = Uint8Array | Uint16Array | Uint32Array;

function wordsOf({ dtype, data }: HostArray): Words {
  const { buffer, byteOffset, byteLength } = bytesOf(data);
  const width = itemBytes(dtype);
  if (width === 1) return new Uint8Array(buffer, byteOffset, byteLength);
  if (width === 2) return new Uint16Array(buffer, byteOffset, byteLength / 2);
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
}

interface Walk {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

// Five plain loops: a checkpoint of ResNet-50 moves 10^8 elements, so no index arithmetic in between.
function move(from: Words, to: Words, { shape, strides }: Walk): void {
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = shape;
  const [sa = 0, sb = 0, sc = 0, sd = 0, se = 0] = strides;
  let at = 0;
  for (let i = 0; i < a; i++) {
    for (let j = 0; j < b; j++) {
      for (let k = 0; k < c; k++) {
        for (let l = 0; l < d; l++) {
          const start = i * sa + j * sb + k * sc + l * sd;
          for (let m = 0; m < e; m++) to[at++] = from[start + m * se] ?? 0;
        }
      }
    }
  }
}

/** A matrix of 32-bit elements with rows and columns exchanged. @throws when it is no such matrix. */
export function transpose2(array: HostArray): HostArray {
  const [rows, columns, ...more] = array.shape;
  if (
    rows === undefined ||
    columns === undefined ||
    more.length > 0 ||
    itemBytes(array.dtype) !== 4
  )
    throw new Error(
      `transpose2: ${array.dtype} [${array.shape}] is not a matrix of 32-bit elements`,
    );
  const out = new ArrayBuffer(array.data.byteLength);
  const from = wordsOf(array);
  const to = new Uint32Array(out);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) to[c * rows + r] = from[r * columns + c] ?? 0;
  return hostArray(array.dtype, [columns, rows], typedView(array.dtype, out, 0, rows * columns));
}
