import type { Stateful } from './machine.ts';
import { elementBytes, type PickledArray, sizeOf, stridesOf, valuesOf } from './numpy_array.ts';
import { plainText } from './unpickle.ts';

/** What a name of a pickle stands for: a stand-in for a type, or what makes a value. */
type Maker = (...args: unknown[]) => unknown;

const inert: Maker = () => {
  throw new Error('it makes an object of a type that is only known by name');
};

/** What `OrderedDict` and its like take: nothing, or pairs; the rest comes by items. */
const dictionary: Maker = (...args) => {
  const pairs = args.find(Array.isArray) ?? [];
  return new Map(pairs as [unknown, unknown][]);
};

/** Names of numpy's inner functions, which moved with numpy 2. */
function numpy(module: string, makers: Readonly<Record<string, Maker>>): [string, Maker][] {
  return Object.entries(makers).flatMap(([name, maker]) =>
    ['core', '_core'].map((core): [string, Maker] => [`numpy.${core}.${module}.${name}`, maker]),
  );
}

/** Builtins, whose module moved with Python 3. */
function builtins(makers: Readonly<Record<string, Maker>>): [string, Maker][] {
  return Object.entries(makers).flatMap(([name, maker]) =>
    ['builtins', '__builtin__'].map((module): [string, Maker] => [`${module}.${name}`, maker]),
  );
}

const latin1 = (text: unknown) => Buffer.from(plainText(text), 'latin1');
const bytes: Maker = (text) =>
  text === undefined ? Buffer.alloc(0) : text instanceof Uint8Array ? text : latin1(text);
const list: Maker = (items) => (Array.isArray(items) ? items : []);

/** All that a pickle may name: types and functions of plain values and of numpy's arrays. */
const ALLOWED: ReadonlyMap<string, Maker> = new Map([
  ...numpy('multiarray', { _reconstruct: () => new ArrayState(), scalar }),
  ...numpy('numeric', { _frombuffer: fromBuffer }),
  ['numpy.dtype', (letters: unknown) => new DtypeState(letters)],
  ...['ndarray', 'matrix', 'memmap'].map((name): [string, Maker] => [`numpy.${name}`, inert]),
  ...builtins({
    bytes,
    bytearray: bytes,
    list,
    tuple: list,
    set: list,
    frozenset: list,
    dict: dictionary,
  }),
  ['_codecs.encode', latin1],
  ['collections.OrderedDict', dictionary],
  ['collections.defaultdict', dictionary],
]);

/** What a name of numpy's stands for, and of the one function that its arrays need in old protocols; undefined for others. */
export function numpyName(module: string, name: string): Maker | undefined {
  const full = `${module}.${name}`;
  return /^numpy\.|^_codecs\./.test(full) ? ALLOWED.get(full) : undefined;
}

/** What a name in a pickle stands for. Nothing of it is executed. @throws Error for any other name. */
export function allowed(module: string, name: string): Maker {
  const maker = ALLOWED.get(`${module}.${name}`);
  if (maker === undefined)
    throw new Error(
      `it names ${module}.${name}, which is not among the few names allowed; save plain lists and numpy arrays`,
    );
  return maker;
}

/** The array that an unpickled value is; undefined for any other. @throws Error for a broken one. */
export function arrayOf(value: unknown): PickledArray | undefined {
  return value instanceof ArrayState ? value.array() : undefined;
}

class DtypeState implements Stateful {
  readonly letters: string;
  bigEndian = false;

  constructor(letters: unknown) {
    this.letters =
      letters instanceof Uint8Array ? Buffer.from(letters).toString() : plainText(letters);
    if (!/^(b1|[iu][1248]|f[248]|c(8|16)|[USOVmM]\d{1,4})$/.test(this.letters))
      throw new Error(`it holds an array of type ${this.letters.slice(0, 20)}`);
  }

  __setstate__(state: unknown): void {
    this.bigEndian = Array.isArray(state) && plainText(state[1]) === '>';
  }
}

/** An array while it is made: first empty, then of what `__setstate__` gives. */
class ArrayState implements Stateful {
  private state: readonly unknown[];

  constructor(state: readonly unknown[] = []) {
    this.state = state;
  }

  __setstate__(state: unknown): void {
    this.state = Array.isArray(state) ? state : [];
  }

  array(): PickledArray {
    const [, shape, dtype, fortran, data, order] = this.state;
    const objects = Array.isArray(data) ? (data as readonly unknown[]) : undefined;
    const content = typeof data === 'string' ? latin1(data) : data;
    const memory = objects === undefined ? content : new Uint8Array();
    if (!isShape(shape) || !(dtype instanceof DtypeState) || !(memory instanceof Uint8Array))
      throw new Error('it holds an array whose state is not understood');
    const { letters, bigEndian } = dtype;
    const here = objects?.length ?? memory.length / elementBytes(letters);
    if (here !== sizeOf({ shape }) || letters.startsWith('O') !== (objects !== undefined))
      throw new Error(`it holds an array of shape [${shape.join(', ')}] with ${here} elements`);
    const strides = stridesOf(shape, fortran === true || fortran === 1);
    const made = { dtype: letters, bigEndian, bytes: memory, ...(objects ? { objects } : {}) };
    return { ...made, ...turned(shape, strides, order) };
  }
}

function isShape(shape: unknown): shape is readonly number[] {
  return Array.isArray(shape) && shape.every((side) => Number.isSafeInteger(side) && side >= 0);
}

/** numpy's `transpose` by an order of the axes. */
function turned(shape: readonly number[], strides: readonly number[], order: unknown) {
  if (!Array.isArray(order)) return { shape, strides };
  const axes = order.map((axis: unknown) => (typeof axis === 'number' ? axis : -1));
  if ([...axes].sort().join() !== shape.map((_, axis) => axis).join())
    throw new Error('it holds an array whose axes are in no order');
  return {
    shape: axes.map((axis) => shape[axis] ?? 0),
    strides: axes.map((axis) => strides[axis] ?? 0),
  };
}

/** What protocol 5 makes an array of. */
function fromBuffer(...[buffer, dtype, shape, order, axes]: unknown[]): ArrayState {
  return new ArrayState([1, shape, dtype, order === 'F', buffer, order === 'K' ? axes : undefined]);
}

/** A number, a truth value or a text of numpy's. */
function scalar(dtype: unknown, data: unknown): unknown {
  const content = typeof data === 'string' || data instanceof Uint8Array ? data : [data];
  const [value] = valuesOf(new ArrayState([1, [], dtype, false, content]).array());
  return value;
}
