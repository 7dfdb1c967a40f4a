import { BufferReader, Parser } from 'pickleparser';

/** A numpy array of a pickle, its bytes as they lie in memory there. */
export interface PickledArray {
  readonly kind: 'array';
  readonly shape: readonly number[];
  /** numpy's letters without the byte order, e.g. `u1`, `f4`. */
  readonly dtype: string;
  /** First index fastest. */
  readonly fortran: boolean;
  readonly bytes: Uint8Array;
}

export interface Pickle {
  readonly value: unknown;
  /** Where the longest string or bytes object lies in the file, if it lies there as it is. */
  readonly longest: { readonly offset: number; readonly length: number } | undefined;
}

/**
 * Reads a pickle of protocol 0 to 4 that holds plain values and numpy arrays. Nothing of it is
 * executed: the few names that numpy arrays need are known here, any other is an error. Dictionaries
 * become Map, strings of Python 2 and bytes become text of code points 0 to 255 or Uint8Array.
 * @throws Error that says what is not understood; the caller knows the file's name.
 */
export function readPickle(file: Uint8Array): Pickle {
  const reader = new PickleReader(file);
  const parser = new Parser({
    unpicklingTypeOfDictionary: 'Map',
    nameResolver: { resolve: allowed },
  });
  const value = parser.read<unknown>(reader);
  return {
    value: value instanceof ArrayState ? value.array() : plain(value),
    longest: reader.longest,
  };
}

/** Text of a Python 2 string, a Python 3 string or bytes. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : undefined;
}

/** Looks a key up in an unpickled dictionary, whatever kind of string it is there. */
export function entryOf(value: unknown, key: string): unknown {
  if (!(value instanceof Map)) return undefined;
  for (const [name, entry] of value) if (textOf(name) === key) return entry;
  return undefined;
}

/** Dictionaries hold arrays under construction until the whole pickle is read. */
function plain(value: unknown): unknown {
  if (!(value instanceof Map)) return value;
  return new Map(
    [...value].map(([key, entry]) => [key, entry instanceof ArrayState ? entry.array() : entry]),
  );
}

function allowed(module: string, name: string): (...args: unknown[]) => unknown {
  switch (`${module}.${name}`) {
    case 'numpy.core.multiarray._reconstruct':
    case 'numpy._core.multiarray._reconstruct':
      return () => new ArrayState();
    case 'numpy.dtype':
      return (letters) => new DtypeState(letters);
    case 'numpy.ndarray':
      return () => {
        throw new Error('an array without _reconstruct');
      };
    case '_codecs.encode':
      return (text) => Buffer.from(String(text), 'latin1');
    default:
      throw new Error(`it names ${module}.${name}, which is not among the few names allowed`);
  }
}

class DtypeState {
  readonly letters: string;

  constructor(letters: unknown) {
    this.letters = textOf(letters) ?? '';
  }

  // Byte order and flags; single bytes have no order, and other types are refused by the caller.
  __setstate__(): void {}
}

class ArrayState {
  private state: readonly unknown[] = [];

  __setstate__(state: unknown): void {
    this.state = Array.isArray(state) ? state : [];
  }

  array(): PickledArray {
    const [, shape, dtype, fortran, data] = this.state;
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
    if (!Array.isArray(shape) || !(dtype instanceof DtypeState) || !(bytes instanceof Uint8Array))
      throw new Error('it holds an array whose state is not understood');
    const fast = fortran === true || fortran === 1;
    return { kind: 'array', shape: shape.map(Number), dtype: dtype.letters, fortran: fast, bytes };
  }
}

const STRING = 0x53; // 'S': a quoted line with Python's escapes
const UNICODE = 0x56; // 'V': a line with \u escapes

/** Strings byte by byte, and the escapes of protocol 0, which pickleparser leaves as they are. */
class PickleReader extends BufferReader {
  longest: { readonly offset: number; readonly length: number } | undefined;
  private opcode = 0;

  override byte(): number {
    this.opcode = super.byte();
    return this.opcode;
  }

  override bytes(length: number): Uint8Array {
    const offset = this.position;
    const bytes = super.bytes(length);
    if (length > (this.longest?.length ?? 0)) this.longest = { offset, length };
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  override string(size: number, encoding: 'ascii' | 'utf-8'): string {
    const bytes = Buffer.from(super.bytes(size));
    const offset = this.position - size;
    if (encoding === 'utf-8') return bytes.toString('utf8');
    if (size > (this.longest?.length ?? 0)) this.longest = { offset, length: size };
    return bytes.toString('latin1');
  }

  override line(): string {
    const opcode = this.opcode;
    const text = super.line();
    if (opcode === STRING) return text.replace(STRING_ESCAPE, unescaped);
    return opcode === UNICODE ? text.replace(UNICODE_ESCAPE, unescaped) : text;
  }
}

const STRING_ESCAPE = /\\(?:x([0-9a-f]{2})|(.))/gi;
const UNICODE_ESCAPE = /\\u([0-9a-f]{4})/gi;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

function unescaped(_: string, hex: string | undefined, letter: string | undefined): string {
  if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
  return ESCAPES[letter ?? ''] ?? letter ?? '';
}
