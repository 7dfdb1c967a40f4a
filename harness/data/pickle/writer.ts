/** Writes a pickle, one instruction after another, of protocol 2 or 3. Equal calls give equal bytes. */
export interface PickleWriter {
  /** All instructions so far, with bytes objects as they lie in memory. */
  readonly pieces: readonly Uint8Array[];
  /** Instructions without an argument, by their letters: `(`, `)`, `}`, `t`, `R`, `b`, `u`. */
  readonly op: (letters: string) => PickleWriter;
  readonly text: (value: string) => PickleWriter;
  /** A whole number of up to 8 bytes. */
  readonly int: (value: number) => PickleWriter;
  readonly bool: (value: boolean) => PickleWriter;
  readonly global: (module: string, name: string) => PickleWriter;
  /** Bytes, not copied; needs protocol 3. */
  readonly bytes: (value: Uint8Array) => PickleWriter;
  readonly tuple: (values: readonly number[]) => PickleWriter;
}

const LARGEST = 2 ** 32 - 1;

export function pickleWriter(protocol: 2 | 3): PickleWriter {
  const pieces: Uint8Array[] = [Uint8Array.of(0x80, protocol)];
  const put = (...more: Uint8Array[]): PickleWriter => {
    pieces.push(...more);
    return writer;
  };
  const counted = (letter: string, content: Uint8Array) => {
    if (content.length > LARGEST)
      throw new Error(`pickle: ${content.length} bytes do not fit one object`);
    const head = Buffer.alloc(5, letter);
    head.writeUInt32LE(content.length, 1);
    return put(head, content);
  };
  const writer: PickleWriter = {
    pieces,
    op: (letters) => put(Buffer.from(letters, 'latin1')),
    text: (value) => counted('X', Buffer.from(value)),
    int: (value) => put(whole(value)),
    bool: (value) => put(Uint8Array.of(value ? 0x88 : 0x89)),
    global: (module, name) => put(Buffer.from(`c${module}\n${name}\n`)),
    bytes: (value) => counted('B', value),
    tuple: (values) => {
      writer.op('(');
      for (const value of values) writer.int(value);
      return writer.op('t');
    },
  };
  return writer;
}

function whole(value: number): Uint8Array {
  if (value >= 0 && value < 256) return Uint8Array.of(0x4b, value);
  const small = value >= -(2 ** 31) && value < 2 ** 31;
  const bytes = Buffer.alloc(small ? 5 : 10);
  if (small) {
    bytes.write('J', 'latin1');
    bytes.writeInt32LE(value, 1);
  } else {
    bytes.set([0x8a, 8]);
    bytes.writeBigInt64LE(BigInt(value), 2);
  }
  return bytes;
}
