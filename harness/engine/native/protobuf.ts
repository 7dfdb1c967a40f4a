/** The few lines of protocol buffer wire format that ConfigProto and RunOptions need. */

/** Base-128 varint of a non-negative safe integer. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}

/** A varint field (int, bool, enum). */
export function integerField(field: number, value: number): number[] {
  return [...varint(field * 8), ...varint(value)];
}

/** A length-delimited field: an encoded message, or text as UTF-8. */
export function bytesField(field: number, content: readonly number[] | string): number[] {
  const bytes = typeof content === 'string' ? [...new TextEncoder().encode(content)] : content;
  return [...varint(field * 8 + 2), ...varint(bytes.length), ...bytes];
}

/** Splits a message into its fields. Values are numbers for varints, byte slices otherwise. */
export function* fields(
  message: Uint8Array,
): Generator<{ readonly field: number; readonly value: number | Uint8Array }> {
  let at = 0;
  const read = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++];
      if (byte === undefined) throw new Error('protobuf: message ends inside a varint');
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = read();
    const wire = tag % 8;
    if (wire === 0) yield { field: Math.floor(tag / 8), value: read() };
    else {
      const length = wire === 2 ? read() : wire === 5 ? 4 : 8;
      yield { field: Math.floor(tag / 8), value: message.subarray(at, at + length) };
      at += length;
    }
  }
}
