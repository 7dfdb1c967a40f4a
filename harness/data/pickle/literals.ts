const STRING_ESCAPE = /\\(?:x([0-9a-f]{2})|(.))/gi;
const UNICODE_ESCAPE = /\\(?:u([0-9a-f]{4})|U([0-9a-f]{8}))/g;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

function unescaped(_: string, hex: string | undefined, letter: string | undefined): string {
  if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
  return ESCAPES[letter ?? ''] ?? letter ?? '';
}

function unicodeLetter(_: string, short: string | undefined, long: string | undefined): string {
  return String.fromCodePoint(Number.parseInt(short ?? long ?? '', 16));
}

/** Text of a quoted line of protocol 0, without its escapes. */
export function stringText(line: string): string {
  return line.replace(STRING_ESCAPE, unescaped);
}

/** Text of a line of protocol 0 whose letters beyond Latin-1 are escaped. */
export function unicodeText(line: string): string {
  return line.replace(UNICODE_ESCAPE, unicodeLetter);
}

/** A whole number in two's complement, lowest byte first; none is 0. */
export function signed(bytes: ArrayLike<number>): bigint {
  const digits = Buffer.from(Uint8Array.from(bytes).reverse()).toString('hex');
  return digits === '' ? 0n : BigInt.asIntN(4 * digits.length, BigInt(`0x${digits}`));
}
