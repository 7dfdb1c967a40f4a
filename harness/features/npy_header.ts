/** Element types of `.npy` files that are read; every one is a plain number or truth value. */
export type NpyType =
  | 'float16'
  | 'float32'
  | 'float64'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'bool';

/** What a file says of its array. */
export interface NpyHeader {
  readonly dtype: NpyType;
  readonly shape: readonly number[];
  /** The first index runs fastest. */
  readonly columns: boolean;
  readonly bigEndian: boolean;
  /** Bytes before the first element. */
  readonly start: number;
}

/** A header that is refused: what is wrong, to follow the file's name. */
export class NpyFault extends Error {
  override name = 'NpyFault';
}

const CODES: Readonly<Record<NpyType, string>> = {
  float16: 'f2',
  float32: 'f4',
  float64: 'f8',
  int8: 'i1',
  int16: 'i2',
  int32: 'i4',
  int64: 'i8',
  uint8: 'u1',
  uint16: 'u2',
  uint32: 'u4',
  uint64: 'u8',
  bool: 'b1',
};
const KNOWN = 'float16 to float64, int8 to int64, uint8 to uint64 and bool';
const TYPES = new Map(Object.entries(CODES).map(([type, code]) => [code, type as NpyType]));

const MAGIC = '\x93NUMPY';
/** Bytes of magic, version and length, at most. */
export const NPY_PREFIX = 12;
/** Bytes of the longest header that is read; those of plain types have about a hundred. */
const LONGEST = 1 << 16;
const MOST_AXES = 64; // numpy's own limit
const ALIGNED = 64; // bytes, where the elements of a file begin
const GROWTH = 21; // letters that numpy leaves for the first length to grow

/** Bytes of one element. */
export function npyBytes(dtype: NpyType): number {
  return Number(CODES[dtype].slice(1));
}

/** Elements of an array. */
export function npyLength(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

/**
 * Where the header ends, by the first `NPY_PREFIX` bytes of a file or all of a shorter one.
 * @throws NpyFault for another kind of file, another version, or a length that no header has.
 */
export function npyStart(prefix: Uint8Array): { readonly from: number; readonly to: number } {
  const bytes = Buffer.from(prefix.buffer, prefix.byteOffset, prefix.byteLength);
  if (bytes.toString('latin1', 0, 6) !== MAGIC) throw new NpyFault('is no NumPy array (.npy)');
  const [major = 0, minor = 0] = bytes.subarray(6, 8);
  if (bytes.length < NPY_PREFIX) throw new NpyFault('ends in its header');
  if (major < 1 || major > 3 || minor !== 0)
    throw new NpyFault(`has version ${major}.${minor} of the format, expected 1.0 to 3.0`);
  const from = major === 1 ? 10 : 12;
  const length = major === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8);
  if (length > LONGEST)
    throw new NpyFault(`announces a header of ${length} bytes, at most ${LONGEST} are read`);
  return { from, to: from + length };
}

/**
 * The header of an array, by the text that Python would have read as a table. Nothing is evaluated.
 * @param start bytes before the first element
 * @throws NpyFault naming what is missing, of another kind, or not supported.
 */
export function parseNpyHeader(text: string, start: number): NpyHeader {
  const table = tableOf(text);
  const { descr, fortran_order: columns, shape } = Object.fromEntries(table);
  for (const name of ['descr', 'fortran_order', 'shape'])
    if (!table.has(name)) throw new NpyFault(`has a header without '${name}'`);
  if (table.size > 3) throw new NpyFault(`has a header of ${table.size} fields, expected 3`);
  if (typeof columns !== 'boolean')
    throw new NpyFault('has a header whose fortran_order is neither True nor False');
  return { ...typeOf(descr), shape: shapeOf(shape), columns, start };
}

function typeOf(descr: Value | undefined): Pick<NpyHeader, 'dtype' | 'bigEndian'> {
  const text = typeof descr === 'string' ? descr : '';
  const dtype = TYPES.get(text.slice(1));
  if (text.slice(1, 2) === 'O')
    throw new NpyFault(
      `holds Python objects, which are never read; save it again with a type of ${KNOWN}`,
    );
  const single = dtype !== undefined && npyBytes(dtype) === 1;
  if (dtype === undefined || !(single ? '|<>' : '<>').includes(text.charAt(0)))
    throw new NpyFault(`holds elements of type ${JSON.stringify(text)}, expected one of ${KNOWN}`);
  return { dtype, bigEndian: text.startsWith('>') };
}

function shapeOf(shape: Value | undefined): readonly number[] {
  if (!Array.isArray(shape)) throw new NpyFault('has a header whose shape is no tuple of lengths');
  if (shape.length > MOST_AXES)
    throw new NpyFault(`has ${shape.length} axes, at most ${MOST_AXES} are read`);
  // A length of 0 makes the product 0 whatever the others are, so each is looked at.
  const most = shape.reduce((product, side) => product * Math.max(1, side), 1);
  if (!Number.isSafeInteger(most))
    throw new NpyFault(`has a shape of ${shape.join(' x ')} elements, more than any file holds`);
  return shape;
}

type Value = string | boolean | readonly number[];

interface Token {
  readonly mark?: string;
  readonly value?: string | number | boolean;
}

/** A Python table of texts, truth values and tuples of whole numbers. */
function tableOf(text: string): Map<string, Value> {
  if (/['"]descr['"]\s*:\s*\[/.test(text))
    throw new NpyFault(`holds records of several fields, expected one of ${KNOWN}`);
  const tokens = tokensOf(text);
  const take = (mark: string) => {
    if (tokens.next().value?.mark !== mark) throw odd();
  };
  const table = new Map<string, Value>();
  take('{');
  for (;;) {
    const { mark, value: key } = tokens.next().value ?? {};
    if (mark === '}') break;
    if (typeof key !== 'string') throw odd();
    if (table.has(key)) throw new NpyFault(`has a header with two of '${key}'`);
    take(':');
    table.set(key, entryOf(tokens));
    const after = tokens.next().value?.mark;
    if (after === '}') break;
    if (after !== ',') throw odd();
  }
  if (!tokens.next().done) throw odd();
  return table;
}

function entryOf(tokens: Generator<Token, undefined>): Value {
  const { mark, value } = tokens.next().value ?? {};
  if (mark !== '(') {
    if (value === undefined || typeof value === 'number') throw odd();
    return value;
  }
  const sides: number[] = [];
  for (;;) {
    const side = tokens.next().value;
    if (side?.mark === ')') return sides;
    if (typeof side?.value !== 'number') throw odd();
    sides.push(side.value);
    const after = tokens.next().value?.mark;
    if (after === ')') return sides;
    if (after !== ',') throw odd();
  }
}

const TOKEN = /\s*(?:'([^'\\]*)'|"([^"\\]*)"|(True|False)\b|(\d+)L?|([{}():,]))/y;

function* tokensOf(text: string): Generator<Token, undefined> {
  const end = text.trimEnd().length;
  for (let at = 0; at < end; ) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text);
    if (found === null) throw odd();
    const [whole, single, double = single, truth, digits, mark] = found;
    at += whole.length;
    if (mark !== undefined) yield { mark };
    else if (digits !== undefined) yield { value: Number(digits) };
    else yield { value: truth === undefined ? (double ?? '') : truth === 'True' };
  }
  return undefined;
}

function odd(): NpyFault {
  return new NpyFault('has a header that is no table of descr, fortran_order and shape');
}

/** The bytes before the elements, as `numpy.save` writes them: rows first, lowest byte first. */
export function encodeNpyHeader(dtype: NpyType, shape: readonly number[]): Uint8Array {
  const code = `${npyBytes(dtype) === 1 ? '|' : '<'}${CODES[dtype]}`;
  const sides = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const table = `{'descr': '${code}', 'fortran_order': False, 'shape': (${sides}), }`;
  const grown = shape.length === 0 ? 0 : GROWTH - String(shape[0]).length;
  const text = table + ' '.repeat(grown);
  const length = Math.ceil((10 + text.length + 1) / ALIGNED) * ALIGNED - 10;
  const header = Buffer.alloc(10 + length, ' ');
  header.write(`${MAGIC}\x01\x00`, 'latin1');
  header.writeUInt16LE(length, 8);
  header.write(text, 10, 'latin1');
  header.write('\n', header.length - 1);
  return header;
}
