/** A numpy array of a pickle, its bytes as they lie in memory there. */
export interface PickledArray {
  readonly shape: readonly number[];
  /** numpy's kind and bytes of an element, e.g. `u1`, `f4`, `U6`. */
  readonly dtype: string;
  readonly bigEndian: boolean;
  /** Elements between two neighbours along each axis. */
  readonly strides: readonly number[];
  readonly bytes: Uint8Array;
  /** The elements of dtype `O`, in place of bytes. */
  readonly objects?: readonly unknown[];
}

/** Number of elements. */
export function sizeOf({ shape }: Pick<PickledArray, 'shape'>): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** Strides of an array that lies without gaps, last index fastest, or with `columns` the first. */
export function stridesOf(shape: readonly number[], columns: boolean): readonly number[] {
  const strides = new Array<number>(shape.length).fill(1);
  const axes = columns ? shape.map((_, axis) => axis) : shape.map((_, axis) => axis).reverse();
  let step = 1;
  for (const axis of axes) {
    strides[axis] = step;
    step *= shape[axis] ?? 1;
  }
  return strides;
}

/** Places of all elements, in elements from the first, in the order of rows. */
export function placesOf({ shape, strides }: Pick<PickledArray, 'shape' | 'strides'>): Int32Array {
  if (sizeOf({ shape }) === 0) return new Int32Array();
  let places = Int32Array.of(0);
  for (const [axis, side] of shape.entries()) {
    const step = strides[axis] ?? 0;
    const next = new Int32Array(places.length * side);
    for (let i = 0; i < next.length; i++)
      next[i] = (places[Math.floor(i / side)] ?? 0) + (i % side) * step;
    places = next;
  }
  return places;
}

/** Elements in the order of rows: numbers, texts, bytes or whatever objects there were. */
export function valuesOf(array: PickledArray): readonly unknown[] {
  const { objects, bytes } = array;
  const places = [...placesOf(array)];
  if (objects !== undefined) return places.map((place) => objects[place]);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = readerOf(array, view);
  return places.map(read);
}

/** numpy's name of a type, for messages: `u1` is uint8. */
export function typeName(dtype: string): string {
  const names: Readonly<Record<string, string>> = { i: 'int', u: 'uint', f: 'float' };
  const name = names[dtype.charAt(0)];
  return name === undefined ? dtype : `${name}${8 * Number(dtype.slice(1))}`;
}

/** Bytes of an element of a type; of numpy's `U` 4 a letter. */
export function elementBytes(dtype: string): number {
  const size = Number(dtype.slice(1));
  return dtype.startsWith('U') ? 4 * size : size;
}

function readerOf({ dtype, bigEndian }: PickledArray, view: DataView): (place: number) => unknown {
  const little = !bigEndian;
  const size = elementBytes(dtype);
  const part = (place: number) => new Uint8Array(view.buffer, view.byteOffset + place * size, size);
  switch (dtype) {
    case 'i1':
      return (place) => view.getInt8(place);
    case 'u1':
      return (place) => view.getUint8(place);
    case 'i2':
      return (place) => view.getInt16(2 * place, little);
    case 'u2':
      return (place) => view.getUint16(2 * place, little);
    case 'i4':
      return (place) => view.getInt32(4 * place, little);
    case 'u4':
      return (place) => view.getUint32(4 * place, little);
    case 'i8':
      return (place) => Number(view.getBigInt64(8 * place, little));
    case 'u8':
      return (place) => Number(view.getBigUint64(8 * place, little));
    case 'f4':
      return (place) => view.getFloat32(4 * place, little);
    case 'f8':
      return (place) => view.getFloat64(8 * place, little);
    case 'b1':
      return (place) => view.getUint8(place) !== 0;
  }
  if (dtype.startsWith('U')) return (place) => letters(view, place * size, size / 4, little);
  if (dtype.startsWith('S'))
    return (place) => Buffer.from(part(place)).toString('latin1').replace(/\0+$/, '');
  return () => undefined; // a type that nothing here asks for
}

/** UTF-32, which numpy fills up with zeros. */
function letters(view: DataView, start: number, count: number, little: boolean): string {
  const codes = Array.from({ length: count }, (_, i) => view.getUint32(start + 4 * i, little));
  const text = codes.map((code) => (code > 0x10ffff ? '\ufffd' : String.fromCodePoint(code)));
  return text.join('').replace(/\0+$/, '');
}
