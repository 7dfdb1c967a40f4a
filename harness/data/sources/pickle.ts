import { BufferReader, Parser } from 'pickleparser';
import { allowed } from './pickle_names.ts';

export interface Pickle {
  readonly value: unknown;
  /** Where the longest string or bytes object lies in the file, if it lies there as it is. */
  readonly longest: { readonly offset: number; readonly length: number } | undefined;
}

/**
 * Reads a pickle of protocol 0 to 5 that holds plain values and numpy arrays, of numpy 1 or 2.
 * Nothing of it is executed: the few names that such values need are known here, any other is an
 * error. Dictionaries become Map, strings of Python 2 and bytes become text of code points 0 to 255
 * or Uint8Array, sets become arrays; `arrayOf` tells arrays of numpy.
 * @throws Error that says what is not understood; the caller knows the file's name.
 */
export function readPickle(file: Uint8Array): Pickle {
  const reader = new PickleReader(file);
  const parser = new Parser({
    unpicklingTypeOfDictionary: 'Map',
    nameResolver: { resolve: allowed },
    buffers: OUTSIDE,
  });
  return { value: parser.read<unknown>(reader), longest: reader.longest };
}

/** Protocol 5 can leave the bytes of arrays to files of the writer's own. */
const OUTSIDE: Iterator<never> = {
  next() {
    throw new Error(
      'the bytes of its arrays are out-of-band, in other files; save it again without buffer_callback',
    );
  },
};

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

const STRING = 0x53; // 'S': a quoted line with Python's escapes
const UNICODE = 0x56; // 'V': a line with \u escapes

// Whole numbers of any length, 'L' as a line of digits; pickleparser reads the others without sign.
const LONG = 0x4c;
const LONG1 = 0x8a;
const LONG4 = 0x8b;
const LONGEST = 255; // bytes; turning one into digits takes longer than its length

/**
 * Strings byte by byte, the escapes of protocol 0, which pickleparser leaves as they are, and whole
 * numbers in binary as if they were written out in digits. It never goes back.
 */
class PickleReader extends BufferReader {
  longest: { readonly offset: number; readonly length: number } | undefined;
  private opcode = 0;
  private asked = false; // the next byte is an opcode
  private digits: string | undefined;

  override hasNext(): boolean {
    this.asked = true;
    return super.hasNext();
  }

  override byte(): number {
    const byte = super.byte();
    if (!this.asked) return byte;
    this.asked = false;
    this.opcode = byte;
    if (byte !== LONG1 && byte !== LONG4) return byte;
    const length = byte === LONG1 ? super.byte() : super.uint32();
    if (length > LONGEST) throw new Error(`it has a number of ${length} bytes`);
    this.digits = String(signed(super.bytes(length)));
    return LONG;
  }

  override skip(count: number): void {
    if (!(count >= 0)) throw new Error(`it has something of ${count} bytes`);
    super.skip(count);
  }

  override uint64(): number {
    const low = this.uint32();
    return low + 2 ** 32 * this.uint32();
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
    const { opcode, digits } = this;
    this.digits = undefined;
    if (digits !== undefined) return digits;
    const text = super.line();
    if (opcode === STRING) return text.replace(STRING_ESCAPE, unescaped);
    return opcode === UNICODE ? text.replace(UNICODE_ESCAPE, unicode) : text;
  }
}

const STRING_ESCAPE = /\\(?:x([0-9a-f]{2})|(.))/gi;
const UNICODE_ESCAPE = /\\(?:u([0-9a-f]{4})|U([0-9a-f]{8}))/gi;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

function unescaped(_: string, hex: string | undefined, letter: string | undefined): string {
  if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
  return ESCAPES[letter ?? ''] ?? letter ?? '';
}

function unicode(_: string, short: string | undefined, long: string | undefined): string {
  return String.fromCodePoint(Number.parseInt(short ?? long ?? '', 16));
}

/** Two's complement, lowest byte first; none is 0. */
function signed(bytes: ArrayLike<number>): bigint {
  const digits = Buffer.from(Uint8Array.from(bytes).reverse()).toString('hex');
  return digits === '' ? 0n : BigInt.asIntN(4 * digits.length, BigInt(`0x${digits}`));
}
