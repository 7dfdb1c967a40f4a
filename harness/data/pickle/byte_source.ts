/** Bytes in memory that are read from front to back. Nothing goes back, nor beyond the end. */
export interface ByteSource {
  /** Bytes read so far. */
  position(): number;
  byte(): number;
  /** A whole number of up to 8 bytes, lowest first. @throws Error for one that a double does not hold. */
  uint(bytes: number): number;
  int32(): number;
  /** Highest byte first. */
  float64(): number;
  /** A view of the next bytes, not a copy. @throws Error where so many are not left. */
  take(length: number): Uint8Array;
  /** The letters up to the end of a line, as Latin-1. */
  line(): string;
}

const NEWLINE = 0x0a;

/** @param bytes stay as they are while they are read. */
export function byteSource(bytes: Uint8Array): ByteSource {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength); // a Buffer's slice is no copy
  let at = 0;
  const skip = (length: number): number => {
    if (!(length >= 0)) throw new Error(`it has something of ${length} bytes`);
    if (length > bytes.length - at)
      throw new Error(
        `unexpected end of file: it announces ${length - (bytes.length - at)} more bytes than there are`,
      );
    at += length;
    return at - length;
  };
  const source: ByteSource = {
    position: () => at,
    byte: () => view.getUint8(skip(1)),
    uint: (length) => {
      const begin = skip(length);
      let value = 0;
      for (let i = length - 1; i >= 0; i--) value = value * 256 + view.getUint8(begin + i);
      if (!Number.isSafeInteger(value)) throw new Error(`it announces ${value} more bytes`);
      return value;
    },
    int32: () => view.getInt32(skip(4), true),
    float64: () => view.getFloat64(skip(8)),
    take: (length) => {
      const begin = skip(length);
      return plain.subarray(begin, begin + length);
    },
    line: () => {
      const end = plain.indexOf(NEWLINE, at);
      if (end < 0) throw new Error('unexpected end of file: it has a line without end');
      const text = latin1(source.take(end - at));
      skip(1);
      return text;
    },
  };
  return source;
}

/** Bytes as letters of code points 0 to 255. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
